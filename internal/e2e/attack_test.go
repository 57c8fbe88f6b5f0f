package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pointcharge/internal/apierror"
	testdb "pointcharge/internal/database/databasetest"
)

// attack is a request that must be refused. The processor time of each attack is measured in
// package graph, where no other work runs at the same time.
type attack struct {
	method, path, body string // path and query of the address
	headers            []string
	status             int
	code               apierror.Code // empty where the answer is no GraphQL
}

const jsonType = "application/json"

func attacks() map[string]attack {
	const viewer = `{"query":"{ viewer { id } }"}`
	query := func(text string) attack {
		return attack{method: http.MethodPost, path: "/graphql", body: fmt.Sprintf(`{"query":%q}`, text), status: http.StatusOK, code: apierror.InvalidArgument}
	}
	raw := func(body string, status int) attack {
		return attack{method: http.MethodPost, path: "/graphql", body: body, status: status, code: apierror.InvalidArgument}
	}
	typed := func(contentType string) attack {
		a := raw(`{"query":"mutation { createChargeOrder(productId: \"points-5000\") { status } }"}`, http.StatusUnsupportedMediaType)
		a.headers = []string{"Content-Type", contentType}
		return a
	}
	bomb := "query { ...f0 }"
	for i := range 90 { // as many as the limit on tokens lets through
		bomb += fmt.Sprintf(" fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	return map[string]attack{
		"introspection":       query(`{ __schema { types { name } } }`),
		"depth":               query("{ viewer { pointTransactions { edges { node { " + strings.Repeat("reverses { ", 20) + "id" + strings.Repeat(" }", 20) + " } } } } }"),
		"aliases":             query("{ " + aliases(31) + " }"),
		"directives":          query("{ viewer { id " + strings.Repeat("@skip(if: false) ", 30) + "} }"),
		"unknown directives":  query("{ viewer { id " + strings.Repeat("@a ", 200) + "} }"),
		"duplicate field":     query("{ " + strings.Repeat("__typename ", 5_000) + "}"),
		"fragment bomb":       query(bomb + " fragment f90 on Query { __typename }"),
		"circular fragments":  query("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"),
		"a page of a billion": query("{ viewer { pointTransactions(first: 1000000000) { edges { node { id } } } } }"),
		"suggestions":         query("{ viewr { id } }"),
		"batching":            raw("["+viewer+","+viewer+"]", http.StatusBadRequest),
		"ten megabytes":       raw(`{"query":"`+strings.Repeat(" ", 10<<20)+`"}`, http.StatusRequestEntityTooLarge),
		"deep JSON":           raw(`{"query":"{ viewer { id } }","variables":`+strings.Repeat(`{"a":`, 10_000), http.StatusBadRequest),
		"a huge number":       raw(`{"query":"query($n: Int!) { viewer { expiringPoints(withinDays: $n) { id } } }","variables":{"n":1e999999}}`, http.StatusOK),
		"invalid UTF-8":       raw("{\"query\":\"{ viewer { id } } \xff\xfe\"", http.StatusBadRequest),
		"half a body":         raw(`{"query":"{ viewer`, http.StatusBadRequest),
		"an echo":             raw(`<script>alert(1)</script>`, http.StatusBadRequest),
		"text/plain":          typed("text/plain"),
		"multipart":           typed("multipart/form-data; boundary=x"),
		"a form":              typed("application/x-www-form-urlencoded"),
		"a mutation by GET": {method: http.MethodGet, status: http.StatusMethodNotAllowed, code: apierror.InvalidArgument,
			path: "/graphql?query=" + url.QueryEscape(`mutation { createChargeOrder(productId: "points-5000") { status } }`)},
		"cross-site POST": {method: http.MethodPost, path: "/graphql", body: viewer, status: http.StatusForbidden,
			headers: []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}},
		"an oversize header": {method: http.MethodPost, path: "/graphql", body: viewer, status: http.StatusRequestHeaderFieldsTooLarge,
			headers: []string{"X-Padding", strings.Repeat("x", 64<<10)}},
	}
}

// aliases are so many of the same field.
func aliases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: viewer { id } ", i)
	}
	return b.String()
}

func TestEveryAttackIsRefusedAndTheServerGoesOn(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"INTROSPECTION": "false"}))
	for name, a := range attacks() {
		got, err := s.trySend(a.method, s.url+a.path, a.body, append([]string{"Authorization", "Bearer " + s.token, "Content-Type", jsonType}, a.headers...)...)
		if err != nil { // the server may close the connection before a too large body is sent
			if a.status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got.status != a.status || a.code != "" && !strings.Contains(got.text, string(`"code":"`+a.code+`"`)) {
			t.Errorf("%s: %d %.300s", name, got.status, got.text)
		}
		if len(got.text) > 4<<10 || strings.Contains(got.text, "Did you mean") || strings.Contains(got.text, "<script>") {
			t.Errorf("%s: the answer says too much: %.300s", name, got.text)
		}
		s.wantBalance(s.token, 0)
	}
}

// TestSlowSendersDelayNoOtherClient opens many connections that never finish a request.
func TestSlowSendersDelayNoOtherClient(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)))
	for range 200 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte("POST /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ")); err != nil {
			t.Fatal(err)
		}
	}
	s.wantBalance(s.token, 0)
}

func TestATokenIsTakenFromTheHeaderOnly(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)))
	const viewer = `{"query":"{ viewer { id } }"}`
	for name, headers := range map[string][]string{
		"a cookie":   {"Cookie", "token=" + s.token + "; Authorization=Bearer " + s.token},
		"basic auth": {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("minji:"+s.token))},
		"none":       nil,
	} {
		got := s.send(http.MethodPost, s.url+"/graphql?access_token="+s.token+"&token="+s.token, viewer, headers...)
		if !strings.Contains(got.text, string(apierror.Unauthenticated)) {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
}
