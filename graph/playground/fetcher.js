      // streaming is the fetcher, and subscriptions by server-sent events, which GraphiQL's own does not know: it would
      // open a WebSocket. A stream that is stopped is aborted, whatever it waits for.
      const streaming = (fetcher) => (params, options) => {
        const subscribes = ({ operation, name }) =>
          operation === 'subscription' && (!params.operationName || name?.value === params.operationName);
        if (!options?.documentAST?.definitions.some(subscribes)) return fetcher(params, options);
        const stop = new AbortController();
        const events = stream(params, options.headers, stop.signal);
        const reader = { next: () => events.next(), return: async () => (stop.abort(), { done: true }) };
        return { [Symbol.asyncIterator]: () => reader };
      };

      async function* stream(params, headers, signal) {
        try {
          const response = await fetch(url + '/stream', {
            method: 'POST', body: JSON.stringify(params), signal,
            headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream', ...headers },
          });
          if (!response.headers.get('Content-Type').startsWith('text/event-stream')) return yield await response.json();
          const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader();
          for (let text = '', chunk; !(chunk = await chunks.read()).done;) {
            const events = (text + chunk.value).split('\n\n');
            text = events.pop();
            for (const [, data] of events.map((event) => /^data: (.+)$/m.exec(event)).filter(Boolean)) yield JSON.parse(data);
          }
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }

