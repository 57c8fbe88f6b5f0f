package graph_test

import (
	"strings"
	"testing"

	"pointcharge/internal/auth"
)

func TestARefusalNamesWhatItRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const spendMutation = "mutation($in: SpendPointsInput!) { spendPoints(input: $in) { id } }"
	for want, r := range map[string]reply{
		"$in must be defined":         w.askAs(w.token("boss", auth.RoleAdmin), spendMutation),
		"$in cannot be null":          w.askAs(w.token("boss", auth.RoleAdmin), spendMutation, "in", nil),
		"$in.amount must be defined":  w.askAs(w.token("boss", auth.RoleAdmin), spendMutation, "in", map[string]any{"userId": "u", "reference": "r", "description": "d"}),
		"operationName must name one": w.ask("minji", "query a { viewer { id } } query b { viewer { id } }"),
	} {
		if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, want) {
			t.Errorf("want %q: %s", want, r.text)
		}
	}
}
