package e2e

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	testdb "pointcharge/internal/database/databasetest"
)

// besideServer is an environment for a command that asks the sandbox inside the running server.
func (s *visitor) besideServer() environment {
	return s.env.with(environment{"ADDR": strings.TrimPrefix(s.url, "http://")})
}

func TestReconcileHealsAndThenAgrees(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		impUID := s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000)
		text, err := finish(t, s.besideServer(), "reconcile")
		if err != nil || !strings.Contains(text, "repaired MISSING_HERE "+impUID) || !strings.Contains(text, "1 repaired, 0 discrepancies\n") {
			t.Errorf("%v\n%s", err, text)
		}
		s.wantBalance(s.token, 5_000)
		text, err = finish(t, s.besideServer(), "reconcile", "-from", time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly))
		if err != nil || !strings.Contains(text, ": 1 listed, 1 compared, 0 repaired, 0 discrepancies\n") {
			t.Errorf("%v\n%s", err, text)
		}
		text, err = finish(t, s.besideServer(), "reconcile", "-list")
		if err != nil || strings.Count(text, " from ") != 2 || !strings.HasSuffix(text, "\n2 runs\n") {
			t.Errorf("%v\n%s", err, text)
		}
	})
}

// exported is the JSON that -json writes.
type exported struct {
	Run           struct{ Listed, Repaired, Discrepancies int64 }
	Discrepancies []struct {
		ImpUID, MerchantUID, Kind, State, Ours, Theirs string
	}
}

func TestReconcileFailsForDiscrepanciesAndExportsThem(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		wrong := s.pay(s.buy(s.token, "points-5000").MerchantUID, 4_000)
		s.pay("an-order-of-another-shop", 5_000) // which is counted, and no discrepancy
		s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000)
		dir := t.TempDir()
		text, err := finish(t, s.besideServer(), "reconcile", "-csv", filepath.Join(dir, "a.csv"), "-json", filepath.Join(dir, "a.json"))
		if err == nil || isUsageError(err) || !strings.Contains(err.Error(), "1 discrepancy") || !strings.Contains(text, "open     AMOUNT "+wrong) {
			t.Errorf("%v\n%s", err, text)
		}
		var found exported
		data, err := os.ReadFile(filepath.Join(dir, "a.json"))
		if err == nil {
			err = json.Unmarshal(data, &found)
		}
		if err != nil || found.Run.Listed != 3 || found.Run.Discrepancies != 1 || len(found.Discrepancies) != 2 {
			t.Fatalf("%v\n%s", err, data)
		}
		table, err := os.ReadFile(filepath.Join(dir, "a.csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(table))).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v\n%s", err, table)
		}
		for i, d := range found.Discrepancies {
			if row := rows[i+1]; row[0] != d.ImpUID || row[2] != d.Kind || row[1] != d.MerchantUID || row[5] != d.Theirs {
				t.Errorf("CSV says %q, JSON %+v", row, d)
			}
		}
		text, err = finish(t, s.besideServer(), "reconcile", "-json", "-")
		if again := (exported{}); err != nil || json.Unmarshal([]byte(text), &again) != nil || again.Run.Listed != 3 || again.Run.Discrepancies != 0 {
			t.Errorf("%v\n%s", err, text)
		}
	})
}

func TestReconcileFailsAndSaysSoWhenIamportIsDown(t *testing.T) {
	t.Parallel()
	env := sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"ADDR": "127.0.0.1:1"}) // no server listens there
	text, err := finish(t, env, "reconcile")
	if apierror.CodeOf(err) != apierror.GatewayUnavailable || isUsageError(err) || !strings.Contains(text, "failed: GATEWAY_UNAVAILABLE") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestReconcileRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"now", "-x", "-from yesterday", "-to 2026-11-01", "-from 2026-11-02 -to 2026-11-01", "-from 2999-01-01",
		"-from 2026-11-01 -to soon", "-csv - -json -", "-list -csv -", "-list -open", "-open -json -", "-open -from 2026-11-01", "-list -from 2026-11-01"} {
		args := strings.Fields("reconcile " + args)
		if _, err := finish(t, sandboxOn("file:"+t.TempDir()+"/test.db"), args...); !isUsageError(err) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
