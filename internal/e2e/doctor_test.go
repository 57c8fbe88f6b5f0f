package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	testdb "pointcharge/internal/database/databasetest"
)

// examination is what doctor -json prints, by the name of the check.
func examination(t *testing.T, env environment, args ...string) (states, details map[string]string, err error) {
	t.Helper()
	text, err := finish(t, env, append([]string{"doctor", "-json"}, args...)...)
	var found []struct{ Check, State, Detail string }
	if decodeErr := json.Unmarshal([]byte(text), &found); decodeErr != nil {
		t.Fatalf("%v: %s, %v", decodeErr, text, err)
	}
	states, details = map[string]string{}, map[string]string{}
	for _, f := range found {
		states[f.Check], details[f.Check] = f.State, details[f.Check]+f.Detail
	}
	return states, details, err
}

func TestTheDoctorFindsNothingWrongWithARunningServer(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		env := s.besideServer().with(environment{"IAMPORT_URL": s.url + "/sandbox"})
		states, details, err := examination(t, env, "-token", s.token)
		if err != nil {
			t.Errorf("%v: %v", err, details)
		}
		for _, check := range []string{"settings", "database", "schema", "writable", "clock", "gateway", "channels", "public address", "token"} {
			if states[check] != "ok" {
				t.Errorf("%s is %q: %s", check, states[check], details[check])
			}
		}
		if text, err := finish(t, env, "doctor"); err != nil || !strings.Contains(text, "ok       schema") {
			t.Errorf("%v: %s", err, text)
		}
	})
}

func TestTheDoctorSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change              environment
		args                []string
		check, state, wants string
	}{
		"a misspelt setting":         {environment{"IAMPORT_SECRT": "x"}, nil, "settings", "warning", "IAMPORT_SECRT"},
		"no database":                {environment{"DATABASE_URL": "postgres://u:Sup3r@Secret@127.0.0.1:1/db"}, nil, "database", "failed", ""},
		"an empty database":          {environment{}, nil, "schema", "failed", "run `pointcharge migrate`"},
		"nothing at the address":     {environment{"PUBLIC_URL": "http://127.0.0.1:1"}, nil, "public address", "warning", "does not answer"},
		"no gateway":                 {environment{"IAMPORT_URL": "http://127.0.0.1:1"}, nil, "gateway", "failed", ""},
		"a token of another key":     {environment{}, []string{"-token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjo5OTk5OTk5OTk5fQ.x"}, "token", "failed", "signature"},
		"something that is no token": {environment{}, []string{"-token", "x"}, "token", "failed", "form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := sandboxOn(testdb.EmptyURL(t, testdb.SQLite)).with(c.change)
			states, details, err := examination(t, env, c.args...)
			if states[c.check] != c.state || !strings.Contains(details[c.check], c.wants) {
				t.Errorf("%s is %q: %q", c.check, states[c.check], details[c.check])
			}
			if err == nil || isUsageError(err) { // the schema is missing in all of them
				t.Errorf("it ended with %v", err)
			}
			for check, detail := range details {
				if strings.Contains(detail, "Sup3r") || strings.Contains(detail, "Secret@") {
					t.Errorf("%s shows the password: %s", check, detail)
				}
			}
		})
	}
}
