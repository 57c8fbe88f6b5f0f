package gqlguard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"pointcharge/internal/gqlguard"
)

// schemaOnly is a real API's schema without its resolvers: every operation that the guard lets pass
// is answered with no field.
type schemaOnly struct{ schema *ast.Schema }

func (s schemaOnly) Schema() *ast.Schema { return s.schema }

func (schemaOnly) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (schemaOnly) Exec(context.Context) graphql.ResponseHandler {
	return graphql.OneShot(&graphql.Response{Data: []byte(`{}`)})
}

// server is a protected server.
type server struct {
	testing.TB
	*handler.Server
}

func newGuard(t testing.TB) gqlguard.Guard {
	t.Helper()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema := gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	return gqlguard.Guard{Schema: schema, Costs: gqlguard.Costs{Object: 5, ListLength: 50}, Log: slog.New(slog.DiscardHandler)}
}

func newServer(t testing.TB, change func(*gqlguard.Guard)) server {
	t.Helper()
	guard := newGuard(t)
	if change != nil {
		change(&guard)
	}
	s := server{t, handler.New(schemaOnly{guard.Schema})}
	s.AddTransport(transport.POST{})
	guard.Protect(s.Server)
	return s
}

// ask returns the messages of all errors.
func (s server) ask(query string, variables map[string]any) []string {
	s.Helper()
	return s.send(map[string]any{"query": query, "variables": variables})
}

func (s server) send(parameters map[string]any) []string {
	s.Helper()
	body, err := json.Marshal(parameters)
	if err != nil {
		s.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var answer struct{ Errors []struct{ Message string } }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		s.Fatalf("%s: %v", w.Body, err)
	}
	var messages []string
	for _, e := range answer.Errors {
		messages = append(messages, e.Message)
	}
	return messages
}

func (s server) wantAnswer(query string) {
	s.Helper()
	if messages := s.ask(query, nil); len(messages) > 0 {
		s.Errorf("%.100s is refused: %q", query, messages)
	}
}

// wantRefusal fails unless the only error is, or begins with, message.
func (s server) wantRefusal(query, message string) {
	s.Helper()
	if messages := s.ask(query, nil); len(messages) != 1 || !strings.HasPrefix(messages[0], message) {
		s.Errorf("%.100s is answered with %q, want %q", query, messages, message)
	}
}

// repeat writes format n times, with the number in place of each #.
func repeat(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return b.String()
}
