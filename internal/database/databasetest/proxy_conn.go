package databasetest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
)

// proxyConn is one connection through the proxy. A PostgreSQL message is a type byte, a length
// (including the length field) and a body; only the client's first message has no type.
type proxyConn struct {
	proxy          *Proxy
	client, server net.Conn
	answer         atomic.Pointer[Fault] // strikes the server's answer to the COMMIT under way
}

// close ends both halves. Closing twice is harmless.
func (c *proxyConn) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}

func (c *proxyConn) fromClient() {
	defer c.proxy.forgetConnection(c)
	defer c.close()
	for typed := false; ; typed = true {
		message, err := readMessage(c.client, typed)
		if err != nil {
			return
		}
		if typed && isCommit(message) && !c.admitCommit() {
			return
		}
		if _, err := c.server.Write(message); err != nil {
			return
		}
	}
}

// admitCommit reports whether the COMMIT may go on to the server.
func (c *proxyConn) admitCommit() bool {
	fault := c.proxy.takeFault()
	if fault == nil {
		return true
	}
	if fault.afterServer {
		c.answer.Store(fault)
		return true
	}
	return c.proxy.applyFault(fault)
}

func (c *proxyConn) fromServer() {
	defer c.close()
	var held []byte
	for {
		message, err := readMessage(c.server, true)
		if err != nil {
			return
		}
		held = append(held, message...)
		fault := c.answer.Load()
		if fault != nil && message[0] != 'Z' { // ReadyForQuery ends the answer
			continue
		}
		if fault != nil {
			c.answer.Store(nil)
			if !c.proxy.applyFault(fault) {
				return
			}
		}
		if _, err := c.client.Write(held); err != nil {
			return
		}
		held = held[:0]
	}
}

// isCommit knows how pgx and database/sql commit: as a simple query.
func isCommit(message []byte) bool {
	const header = 5
	return message[0] == 'Q' && strings.EqualFold(strings.TrimRight(string(message[header:]), "; \x00"), "commit")
}

func readMessage(from io.Reader, typed bool) ([]byte, error) {
	header := make([]byte, 4, 5)
	if typed {
		header = header[:5]
	}
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[len(header)-4:])
	const most = 1 << 28
	if length < 4 || length > most {
		return nil, fmt.Errorf("a message of %d bytes is not PostgreSQL's", length)
	}
	message := append(header, make([]byte, length-4)...)
	_, err := io.ReadFull(from, message[len(header):])
	return message, err
}
