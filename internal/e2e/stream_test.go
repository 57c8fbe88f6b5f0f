package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

// openStream is an open stream of the viewer's lines.
type openStream struct {
	*visitor
	*http.Response
	lines *bufio.Scanner
}

// openStream opens a stream that continues after the line of the given number, and returns when the
// server has confirmed the stream.
func (s *visitor) openStream(token, after string, headers ...string) *openStream {
	s.Helper()
	body := `{"query":"subscription { viewerTransactionAdded(after: ` + after + `) { seq kind amount order { merchantUid } } }"}`
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/graphql/stream", strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { response.Body.Close() })
	return &openStream{s, response, bufio.NewScanner(response.Body)}
}

// streamedLine is a line as the stream brings it.
type streamedLine struct {
	Seq    int
	Kind   string
	Amount int64
	Order  struct{ MerchantUID string }
}

// next is the next line, or false when the stream was cut; it is never complete here.
func (f *openStream) next() (streamedLine, bool) {
	f.Helper()
	for f.lines.Scan() {
		data, ok := strings.CutPrefix(f.lines.Text(), "data: ")
		if !ok {
			continue
		}
		var result struct {
			Data struct{ ViewerTransactionAdded streamedLine }
		}
		if err := json.Unmarshal([]byte(data), &result); err != nil || result.Data.ViewerTransactionAdded.Seq == 0 {
			f.Fatalf("no line: %s", data)
		}
		return result.Data.ViewerTransactionAdded, true
	}
	return streamedLine{}, false
}

func (f *openStream) want(seq int, kind string) streamedLine {
	f.Helper()
	line, ok := f.next()
	if !ok || line.Seq != seq || line.Kind != kind {
		f.Fatalf("want line %d, a %s: %+v", seq, kind, line)
	}
	return line
}

func TestAWaitingPageLearnsOfTheDeposit(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, database string) {
		page, other := openShop(t, sandboxOn(database)), openShop(t, sandboxOn(database)) // two servers of a fleet
		o := other.buy(other.token, "points-10000")
		impUID := other.answerWindow(other.openWindow(o, "overlay", map[string]any{"pay_method": "vbank"}), map[string]any{"action": "pay"}).Rsp.ImpUID
		other.awaitStatus(other.token, o.MerchantUID, "WAITING_DEPOSIT")
		stranger, waiting := page.openStream(page.tokenFor("junho"), "null"), page.openStream(page.token, "null")
		other.postJSON(other.url+"/sandbox/sandbox-payments/"+impUID+"/pay", nil, nil)
		if line := waiting.want(1, "CHARGE"); line.Amount != 10_000 || line.Order.MerchantUID != o.MerchantUID {
			t.Errorf("unexpected line: %+v", line)
		}
		waiting.want(2, "BONUS")
		page.client.CloseIdleConnections()
		page.stop() // with open streams, and without leftovers
		if page.err != nil {
			t.Errorf("it had to be cut off: %v", page.err)
		}
		for _, f := range []*openStream{stranger, waiting} {
			if line, ok := f.next(); ok {
				t.Errorf("a line too many: %+v", line)
			}
		}
	})
}

func TestAStreamSurvivesARestart(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, database string) {
		enter := func(first, last int) {
			t.Helper()
			points := point.New(testdb.Open(t, database))
			for i := first; i <= last; i++ {
				_, err := points.Adjust(t.Context(), point.AdjustInput{UserID: "minji", Amount: 1, Reference: strconv.Itoa(i), Reason: "test", Actor: domaintest.Sora()})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		s := openShop(t, sandboxOn(database).with(environment{"STREAM_POLL": "50ms"}))
		f := s.openStream(s.token, "null")
		enter(1, 3)
		for seq := 1; seq <= 2; seq++ { // the third may be on its way when the server goes
			f.want(seq, "ADJUST")
		}
		s.client.CloseIdleConnections()
		s.stop()
		enter(4, 80)
		s = openShop(t, sandboxOn(database).with(environment{"STREAM_POLL": "50ms"}))
		f = s.openStream(s.token, "2")
		for seq := 3; seq <= 80; seq++ {
			f.want(seq, "ADJUST")
		}
		enter(81, 81)
		f.want(81, "ADJUST")
	})
}

func TestStreamsAreForListedOriginsOnly(t *testing.T) {
	t.Parallel()
	s := openShopForOrigins(t, "https://shop.example")
	listed := s.openStream(s.token, "null", "Origin", "https://shop.example", "Sec-Fetch-Site", "cross-site")
	if allowed := listed.Header.Get("Access-Control-Allow-Origin"); listed.StatusCode != http.StatusOK || allowed != "https://shop.example" {
		t.Errorf("a listed origin: %d, allowed %q", listed.StatusCode, allowed)
	}
	other := s.openStream(s.token, "null", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if other.StatusCode != http.StatusForbidden {
		t.Errorf("another origin: %d", other.StatusCode)
	}
}
