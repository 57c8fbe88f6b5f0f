package databasetest

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy stands between pgx and a PostgreSQL server, and can hold or cut the connection around a
// COMMIT, the one statement with an outcome that a client may never learn.
type Proxy struct {
	URL string // the database through the proxy

	network, address string // the server
	listener         net.Listener
	closed           chan struct{}

	mu     sync.Mutex
	faults []*Fault
	conns  map[*proxyConn]struct{}
}

// Fault is an accident of one COMMIT. A method of Proxy arms a fault for the next COMMIT of any
// connection; several faults strike in the order of arming.
type Fault struct {
	// Closed when the COMMIT has arrived: before the server got the COMMIT, or after the server's
	// answer.
	Reached <-chan struct{}

	afterServer, cut bool
	reached, release chan struct{}
	once             sync.Once
}

// Release lets a held COMMIT, or a held answer, go on.
func (f *Fault) Release() { f.once.Do(func() { close(f.release) }) }

// NewProxy starts a proxy to the database at databaseURL. Proxy and held connections end with the
// test.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	t.Helper()
	server, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		URL:      replaceAddress(t, databaseURL, listener.Addr().String()),
		listener: listener,
		closed:   make(chan struct{}),
		conns:    map[*proxyConn]struct{}{},
	}
	p.network, p.address = pgconn.NetworkAddress(server.Host, server.Port)

	var running sync.WaitGroup
	running.Go(func() { p.acceptConnections(&running) })
	t.Cleanup(func() {
		close(p.closed)
		_ = listener.Close()
		p.Cut()
		running.Wait()
	})
	return p
}

// replaceAddress replaces the server's address in databaseURL, and switches TLS off, because TLS
// would hide the messages from the proxy.
func replaceAddress(t testing.TB, databaseURL, address string) string {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	parsed.Host, parsed.RawQuery = address, query.Encode()
	return parsed.String()
}

// CutBeforeCommit cuts the connection with the next COMMIT before the server sees the COMMIT: the
// server writes no row.
func (p *Proxy) CutBeforeCommit() *Fault { return p.armFault(&Fault{cut: true}) }

// CutAfterCommit cuts the connection after the server has committed, before the client receives the
// answer.
func (p *Proxy) CutAfterCommit() *Fault { return p.armFault(&Fault{cut: true, afterServer: true}) }

// HoldCommit keeps the next COMMIT from the server until Release.
func (p *Proxy) HoldCommit() *Fault { return p.armFault(&Fault{}) }

// HoldAnswer keeps the server's answer to the next COMMIT from the client until Release.
func (p *Proxy) HoldAnswer() *Fault { return p.armFault(&Fault{afterServer: true}) }

// Cut cuts every open connection, like a restart of the server or of a load balancer. New
// connections are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.close()
	}
}

func (p *Proxy) armFault(f *Fault) *Fault {
	f.reached, f.release = make(chan struct{}), make(chan struct{})
	f.Reached = f.reached
	if f.cut {
		f.Release()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
	return f
}

// takeFault returns the fault for an arriving COMMIT, or nil.
func (p *Proxy) takeFault() *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) == 0 {
		return nil
	}
	f := p.faults[0]
	p.faults = p.faults[1:]
	return f
}

// applyFault tells the test, waits for the release, and reports whether the connection stays open.
func (p *Proxy) applyFault(f *Fault) bool {
	close(f.reached)
	select {
	case <-f.release:
		return !f.cut
	case <-p.closed:
		return false
	}
}

func (p *Proxy) acceptConnections(running *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		conn := &proxyConn{proxy: p, client: client, server: server}
		p.trackConnection(conn)
		running.Go(conn.fromClient)
		running.Go(conn.fromServer)
	}
}

func (p *Proxy) trackConnection(conn *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	select {
	case <-p.closed: // Cut has been and will not come again
		conn.close()
	default:
	}
}

func (p *Proxy) forgetConnection(conn *proxyConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}
