package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/apierror"
	testdb "pointcharge/internal/database/databasetest"
)

// endIamport stops the server, and with it the pretend Iamport: from now on no command gets an
// answer.
func (s *visitor) endIamport() (env environment) {
	s.Helper()
	s.client.CloseIdleConnections()
	s.stop()
	return s.env.with(environment{"ADDR": "127.0.0.1:1"}) // no server listens there
}

// wantOutput runs a command that must succeed, and returns the first group of the pattern that
// its output matches.
func wantOutput(t *testing.T, env environment, pattern string, args ...string) string {
	t.Helper()
	text, err := finish(t, env, args...)
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if err != nil || found == nil {
		t.Fatalf("%q: %v\n%s\nwant %s", args, err, text, pattern)
	}
	return found[len(found)-1]
}

// wantInBooks compares what a query of one number finds.
func wantInBooks(t *testing.T, env environment, want int64, query string, args ...any) {
	t.Helper()
	var got int64
	if err := testdb.Open(t, env["DATABASE_URL"]).Raw(query, args...).Scan(&got).Error; err != nil || got != want {
		t.Errorf("%s: %d, %v; want %d", query, got, err, want)
	}
}

// eachPendingRefund has a refund of 5,000 won that Iamport has accepted and has not made, and
// then no Iamport.
func eachPendingRefund(t *testing.T, test func(t *testing.T, env environment, refund string)) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, url string) {
		s := openShop(t, sandboxOn(url).with(environment{"SANDBOX_FAULTS": "cancel-pending=1"}))
		o := s.chargePaid("points-5000", 5_000)
		r := s.ask(s.token, fmt.Sprintf(cancelCharge, 5_000), "t", o.Transaction.ID).Data.CancelPointTransaction
		if r.Status != "ACCEPTED" {
			t.Fatalf("unexpected refund %+v", r)
		}
		s.wantWallet(5_000, 0, 0)
		test(t, s.endIamport(), r.ID)
	})
}

func TestOperatorReleasesARefundWithoutIamport(t *testing.T) {
	t.Parallel()
	eachPendingRefund(t, func(t *testing.T, env environment, refund string) {
		text, err := finish(t, env, "refunds")
		if apierror.CodeOf(err) != apierror.GatewayUnavailable || !strings.HasSuffix(text, "\n1 refund is under way\n") {
			t.Errorf("%v\n%s", err, text)
		}
		if _, err := finish(t, env, "refunds", "-release", refund, "-reason", "끊긴 상점"); apierror.CodeOf(err) != apierror.GatewayUnavailable {
			t.Errorf("released unasked: %v", err)
		}
		wantOutput(t, env, "^refund "+refund+" is RELEASED\n$", "refunds", "-release", refund, "-force", "-reason", "끊긴 상점")
		wantOutput(t, env, `^no decision about refund mistyped\n$`, "refunds", "-of", "mistyped")
		wantOutput(t, env, `^no decision about payment imp_mistyped\n$`, "problems", "-of", "imp_mistyped")
		wantOutput(t, env, `^no decision about discrepancies of imp_mistyped\n$`, "reconcile", "-of", "imp_mistyped")
		wantOutput(t, env, `  RELEASE 0 by \S+: 끊긴 상점\n$`, "refunds", "-of", refund)
		wantOutput(t, env, "^0 refunds are under way\n$", "refunds")
		wantInBooks(t, env, 5_000, "SELECT SUM(remaining - held) FROM point_lots")
	})
}

func TestOperatorBooksARefundWithoutIamport(t *testing.T) {
	t.Parallel()
	eachPendingRefund(t, func(t *testing.T, env environment, refund string) {
		wantOutput(t, env, "^refund "+refund+" is DONE\n$", "refunds", "-book", refund, "-amount", "5000", "-reason", "PG 관리자에서 취소")
		wantOutput(t, env, `  BOOK    5000 by \S+: PG 관리자에서 취소\n$`, "refunds", "-of", refund)
		wantOutput(t, env, "^0 refunds are under way\n$", "refunds")
		wantInBooks(t, env, 0, "SELECT balance FROM wallets")
	})
}

func TestOperatorDecidesAboutManyProblemsWithoutIamport(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		for range 3 {
			s.payWrongAmount()
		}
		env := s.endIamport()
		wantOutput(s.T, env, "\ndecided about 2 payments\n$", "resolve", "-ignore", "-reason", "시험", "-problem", "AMOUNT", "-limit", "2")
		wantOutput(s.T, env, "\n1 payment has a problem\n$", "problems")
		text, err := finish(s.T, env, "resolve", "-refund", "-reason", "시험", "-problem", "AMOUNT")
		if err == nil || !strings.Contains(text, ": not decided: ") || !strings.HasSuffix(text, "\ndecided about 0 payments\n") {
			s.Errorf("%v\n%s", err, text)
		}
		wantOutput(s.T, env, ": IGNORE\ndecided about 1 payment\n$", "resolve", "-ignore", "-reason", "시험", "-problem", "AMOUNT")
		wantOutput(s.T, env, "^0 payments have a problem\n$", "problems")
	})
}

func TestOperatorClosesOrdersOfAProduct(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o, other := s.buy(s.token, "points-5000"), s.buy(s.token, "points-10000")
		wantOutput(s.T, s.env, "^closed 1 order of points-5000\n$", "orders", "-close", "points-5000", "-reason", "가격 오류")
		if got := s.readOrder(s.token, o.MerchantUID).Status; got != "EXPIRED" {
			s.Errorf("the order is %s", got)
		}
		if got := s.readOrder(s.token, other.MerchantUID).Status; got != "PENDING" {
			s.Errorf("another product's order is %s", got)
		}
		if _, err := finish(s.T, s.env, "orders", "-close", "none", "-reason", "x"); apierror.CodeOf(err) != apierror.NotFound {
			s.Errorf("closed orders of no product: %v", err)
		}
	})
}

// adjust gives or takes points by the API, and returns the ADJUST line's id.
func (s *visitor) adjust(admin, user string, points int64, reference string) string {
	s.Helper()
	r := s.ask(admin, fmt.Sprintf(`mutation($u: ID!, $r: ID!) { pointTransaction: adjustPoints(input: {userId: $u, amount: %d,
		reference: $r, reason: "보상"}) { id } }`, points), "u", user, "r", reference)
	if s.wantCode(r, ""); r.Data.PointTransaction == nil {
		s.Fatalf("no adjustment: %s", r.text)
	}
	return r.Data.PointTransaction.ID
}

func TestOperatorCorrectsPointsByHand(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		o := s.chargePaid("points-5000", 5_000)
		clawback := []string{"points", "-clawback", "minji", "-amount", "6000", "-charge", o.Transaction.ID, "-reference", "bank-1", "-reason", "계좌로 환불"}
		for range 2 { // the same reference takes once
			wantOutput(s.T, s.env, `^line \S+ of minji: CLAWBACK -6000, balance -1000\n$`, clawback...)
			s.wantWallet(-1_000, 0, 1_000)
		}
		boss := s.tokenFor("boss", "-role", "admin")
		given := s.adjust(boss, "minji", 3_000, "gift-1")
		s.wantWallet(2_000, 2_000, 0)
		s.adjust(boss, "minji", -500, "fine-1")
		if _, err := finish(s.T, s.env, "points", "-reverse", given, "-reason", "착오"); apierror.CodeOf(err) != apierror.InsufficientPoints {
			s.Errorf("reversed what is spent: %v", err)
		}
		wantOutput(s.T, s.env, `^line \S+ of minji: ADJUST_CANCEL -3000, balance -1500\n$`, "points", "-reverse", given, "-reason", "착오", "-allow-debt")
		s.wantWallet(-1_500, 0, 1_500)
	})
}

func TestOperatorExpiresALargeShareAndUndoesIt(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		boss := s.tokenFor("boss", "-role", "admin")
		for i := range 21 { // of fewer lots any share may expire
			s.adjust(boss, "minji", 10, fmt.Sprintf("gift-%d", i))
		}
		s.adjust(boss, "seoyeon", 10, "gift")
		err := testdb.Open(s.T, s.env["DATABASE_URL"]).Exec(`UPDATE point_lots SET expires_at =
			(SELECT created_at FROM point_transactions t WHERE t.id = point_lots.transaction_id)`).Error
		if err != nil {
			s.Fatal(err)
		}
		if _, err := finish(s.T, s.env, "expire"); err == nil || !strings.Contains(err.Error(), "implausible share") {
			s.Errorf("it expired everything: %v", err)
		}
		wantOutput(s.T, s.env, "^expired points of 2 users\n$", "expire", "-large")
		expired := s.ask(s.token, readWallet).Data.Viewer.PointTransactions.Edges[0].Node
		if expired.Kind != "EXPIRE" || expired.Amount != -210 {
			s.Fatalf("unexpected line %+v", expired)
		}
		wantOutput(s.T, s.env, `^line \S+ of minji: EXPIRE_CANCEL 210, balance 210\n$`, "expire", "-undo", expired.ID, "-reason", "시계 오류")
		s.wantWallet(210, 210, 0)
		since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		for _, want := range []string{"^undid 1 expiry\n$", "^undid 0 expiries\n$"} {
			wantOutput(s.T, s.env, want, "expire", "-undo-since", since, "-reason", "시계 오류")
		}
		s.wantBalance(s.tokenFor("seoyeon"), 10)
	})
}

func TestOperatorIgnoresADiscrepancyWithoutIamport(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		s := openShop(t, sandboxOn(url).with(environment{"SANDBOX_FAULTS": "unreadable=1", "SWEEP_EVERY": "0s"}))
		impUID := s.pay(s.buy(s.token, "points-5000").MerchantUID, 5_000)
		if text, err := finish(t, s.besideServer(), "reconcile"); err == nil || !strings.Contains(text, "open     UNREADABLE "+impUID) {
			t.Fatalf("%v\n%s", err, text)
		}
		env := s.endIamport()
		wantOutput(t, env, "\n1 discrepancy is open\n$", "reconcile", "-open")
		wantOutput(t, env, "^ignored  UNREADABLE "+impUID, "reconcile", "-ignore", impUID, "-reason", "다른 상점")
		wantOutput(t, env, "^0 discrepancies are open\n$", "reconcile", "-open")
		wantOutput(t, env, `  UNREADABLE by \S+: 다른 상점\n$`, "reconcile", "-of", impUID)
		wantOutput(t, env, `: IGNORE by \S+; Iamport has shown no usable answer about it\n$`, "resolve", "-ignore", "-reason", "다른 상점", impUID)
		for _, name := range []string{impUID, "nameless"} {
			if _, err := finish(t, env, "reconcile", "-ignore", name, "-reason", "x"); apierror.CodeOf(err) != apierror.NotFound {
				t.Errorf("ignored %s: %v", name, err)
			}
		}
	})
}

func TestOperatorChangesTheAccount(t *testing.T) {
	t.Parallel()
	eachEmptyDatabase(t, func(t *testing.T, url string) {
		env := liveOn(url).with(environment{"IAMPORT_URL": "https://127.0.0.1:1"})
		if _, err := finish(t, env, "migrate"); err != nil {
			t.Fatal(err)
		}
		first := wantOutput(t, env, `^in force:   (iamport:\w+) since \S+\nconfigured: \S+\n$`, "account")
		moved := env.with(environment{"IAMPORT_KEY": "another-key"})
		if _, err := finish(t, moved, "problems"); err == nil || !strings.Contains(err.Error(), "`pointcharge account -change`") {
			t.Errorf("a database of another account was opened: %v", err)
		}
		states, details, _ := examination(t, moved)
		if states["account"] != "failed" || !strings.Contains(details["account"], first) || states["gateway"] != "failed" {
			t.Errorf("%v %v", states, details)
		}
		second := wantOutput(t, moved, `^in force:   `+first+` since \S+\nconfigured: (\S+)\n$`, "account")
		wantOutput(t, moved, `^in force:   `+second+` since \S+\nconfigured: `+second+`\n$`, "account", "-change", "-reason", "계정 이전")
		wantOutput(t, moved, "^0 payments have a problem\n$", "problems")
		if _, err := finish(t, env, "problems"); err == nil {
			t.Error("the old keys still open it")
		}
		wantInBooks(t, env, 1, "SELECT COUNT(*) FROM gateway_accounts WHERE reason = '계정 이전' AND actor_kind = 'COMMAND'")
	})
}

func TestOperatorCommandsAreStrict(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"refunds -release r1", "refunds -force", "refunds -book r1 -reason x", "refunds -book r1 -amount 1",
		"refunds -book r1 -amount 1 -reason x -force", "refunds -release r1 -book r2 -reason x", "refunds -of r1 -reason x", "refunds -reason x",
		"orders", "orders -close p", "orders -reason x", "points", "points -clawback minji -amount 1 -reason x", "points -clawback minji -reference r -reason x",
		"points -reverse l1", "points -reverse l1 -reason x -amount 1", "points -clawback minji -reverse l1 -reason x", "expire -large -undo l1 -reason x",
		"expire -undo l1", "expire -undo-since 2026-11-01", "expire -undo-since soon -reason x", "expire -until 2026-11-01", "expire -undo l1 -reason x -until later",
		"reconcile -ignore imp_1", "reconcile -reason x", "reconcile -ignore imp_1 -reason x -list", "account -change", "account -reason x", "account -change -reason x",
		"resolve -ignore imp_1", "resolve -ignore -reason x", "resolve -ignore -reason x -problem AMOUNT imp_1", "resolve -accept -reason x -problem AMOUNT",
		"resolve -reason x -problem AMOUNT", "resolve -ignore -reason x -limit 5 imp_1", "resolve -refund -reason x -problem AMOUNT -points 3"} {
		env := sandboxOn(testdb.URL(t, testdb.SQLite))
		if _, err := finish(t, env, strings.Fields(args)...); !isUsageError(err) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
