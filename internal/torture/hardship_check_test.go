//go:build unix

package torture_test

import (
	"testing"
	"time"

	"pointcharge/internal/sandbox"
)

// TestOracleFindsWhatAWrongClockLeft shows that the torture can fail for points that a wrong clock
// let expire. Each case is a user's lines, wrong in one way, or right.
func TestOracleFindsWhatAWrongClockLeft(t *testing.T) {
	t.Parallel()
	charge := lineRow{ID: "l", UserID: "minji", Kind: "CHARGE", ImpUID: "imp_1", Amount: 5_000}
	expiry := lineRow{UserID: "minji", Kind: "EXPIRE", Amount: -5_000}
	undo := lineRow{UserID: "minji", Kind: "EXPIRE_CANCEL", Amount: 5_000}
	for _, c := range []struct {
		name    string
		lines   []lineRow
		stood   int64
		balance int64
		wrong   bool
	}{
		{"nothing expired", []lineRow{charge}, 0, 5_000, false},
		{"expired", []lineRow{charge, expiry}, 0, 0, true},
		{"expired and undone", []lineRow{charge, expiry, undo}, 0, 5_000, false},
		{"expired, and the money went back", []lineRow{charge, expiry}, 5_000, 0, false},
		{"undone, although the money went back", []lineRow{charge, expiry, undo}, 5_000, 5_000, true},
	} {
		v := verdict{}
		books{lines: c.lines, wallets: map[string]int64{"minji": c.balance}, stood: map[string]int64{"imp_1": c.stood}}.judgeBalances(v)
		if len(v) > 0 != c.wrong {
			t.Errorf("%s: %q", c.name, v)
		}
	}
}

// TestOracleAllowsLatePaymentsOfBackdatedOrdersOnly judges a payment without points.
func TestOracleAllowsLatePaymentsOfBackdatedOrdersOnly(t *testing.T) {
	t.Parallel()
	paid := sandbox.Payment{ImpUID: "imp_1", Amount: "10000", CancelAmount: "0", Currency: "KRW", Status: sandbox.Paid}
	for _, c := range []struct {
		backdated bool
		listed    string
		wrong     bool
	}{{true, "LATE", false}, {true, "", true}, {true, "AMOUNT", true}, {false, "LATE", true}} {
		asked := orderTruth{"minji", offers()[1], true, c.backdated}
		wrong := judgeOrder(asked, []sandbox.Payment{paid}, nil, map[string]string{"imp_1": c.listed}, nil)
		if len(wrong) > 0 != c.wrong {
			t.Errorf("%+v: %q", c, wrong)
		}
	}
}

// TestOracleFindsAStandingWatermark has a reconciliation that ended before the last visit.
func TestOracleFindsAStandingWatermark(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for at, wrong := range map[time.Time]bool{now.Add(time.Minute): false, now.Add(-time.Minute): true} {
		v := verdict{}
		books{watermark: at, foreign: 1}.judgeReconciliation(v, now)
		if len(v) > 0 != wrong {
			t.Errorf("%s: %q", at, v)
		}
	}
}
