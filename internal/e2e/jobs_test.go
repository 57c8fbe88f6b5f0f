package e2e

import (
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	testdb "pointcharge/internal/database/databasetest"
)

// TestALostPaymentIsCreditedWithoutAHand: no browser came back, and no webhook.
func TestALostPaymentIsCreditedWithoutAHand(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		s := openShop(t, sandboxOn(url).with(environment{"SWEEP_GRACE": "1s", "SWEEP_EVERY": "1s"}))
		o := s.buy(s.token, "points-5000")
		s.pay(o.MerchantUID, 5_000)
		s.awaitStatus(s.token, o.MerchantUID, "PAID")
		s.wantBalance(s.token, 5_000)
	})
}

func TestMetricsShowJobsProblemsAndRequests(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"METRICS_ADDR": "127.0.0.1:0", "SWEEP_EVERY": "1s"}))
	s.payWrongAmount()
	url := "http://" + s.printed(`metrics listener started.* addr=(\S+)`) + "/metrics"
	for _, want := range []string{
		`(?m)^pointcharge_problems 1$`,
		`(?m)^pointcharge_job_last_success_seconds\{job="sweep"\} 1\.\d+e\+09$`,
		`(?m)^pointcharge_job_lag_seconds\{job="expire-points"\} 0$`,
		`(?m)^pointcharge_job_failing\{job="sweep"\} 0$`,
		`(?m)^pointcharge_http_request_seconds_count\{route="POST /webhooks/iamport",status="200"\} [1-9]`,
		`(?m)^pointcharge_oldest_open_refund_seconds 0$`,
		`(?m)^pointcharge_oldest_open_discrepancy_seconds 0$`,
		`(?m)^go_sql_open_connections\{db_name="pointcharge"\} [0-9]`,
	} {
		s.awaitMatch(url, want)
	}
	if a := s.send(http.MethodGet, strings.TrimSuffix(url, "/metrics")+"/readyz", ""); a.status != http.StatusNotFound {
		t.Errorf("the metrics listener serves more than metrics: %d", a.status)
	}
	if a := s.send(http.MethodGet, s.url+"/metrics", ""); a.status != http.StatusNotFound {
		t.Errorf("strangers see metrics: %d", a.status)
	}
	if a := s.send(http.MethodGet, s.url+"/readyz", ""); a.text != "ok\n" {
		t.Errorf("strangers see how we are doing: %s", a.text)
	}
}

// TestDiscrepanciesOfScheduledRunsAreReported: a discrepancy is logged, measured and listed,
// until repaired.
func TestDiscrepanciesOfScheduledRunsAreReported(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		s := openShop(t, sandboxOn(url).with(environment{"METRICS_ADDR": "127.0.0.1:0", "RECONCILE_EVERY": "1s", "SWEEP_EVERY": "0s",
			"SANDBOX_FAULTS": "unreadable=1"}))
		metrics := "http://" + s.printed(`metrics listener started.* addr=(\S+)`) + "/metrics"
		o := s.buy(s.token, "points-5000")
		impUID := s.pay(o.MerchantUID, 5_000)
		s.awaitMatch(metrics, `(?m)^pointcharge_discrepancies\{kind="UNREADABLE"\} 1$`)
		s.awaitMatch(metrics, `(?m)^pointcharge_oldest_open_discrepancy_seconds [0-9.]*[1-9]`)
		if got := s.printed(`level=WARN msg="the books and Iamport did not agree" run=\S+ repaired=0 discrepancies=1 open=(\S+)`); got != "map[UNREADABLE:1]" {
			t.Errorf("logged was %q", got)
		}
		text, err := finish(t, s.besideServer(), "reconcile", "-open")
		if err != nil || !strings.HasPrefix(text, "open     UNREADABLE "+impUID+": ") || !strings.HasSuffix(text, "\n1 discrepancy is open\n") {
			t.Errorf("%q, %v", text, err)
		}
		if a := s.postJSON(s.url+"/sandbox/faults/flush", nil, nil); a.status != http.StatusOK {
			t.Fatalf("the flush was answered %d %s", a.status, a.text)
		}
		s.awaitStatus(s.token, o.MerchantUID, "PAID")
		s.awaitMatch(metrics, `(?m)^pointcharge_discrepancies\{kind="UNREADABLE"\} 0$`)
	})
}

// awaitMatch asks until the answer matches.
func (s *visitor) awaitMatch(url, pattern string) {
	s.Helper()
	form := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(testTimeout); ; runtime.Gosched() {
		a := s.send(http.MethodGet, url, "")
		if a.status == http.StatusOK && form.MatchString(a.text) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s does not match\n%s", pattern, a.text)
		}
	}
}

// payWrongAmount pays for an order of minji's with another amount, and has the server look at it.
func (s *visitor) payWrongAmount() (impUID string) {
	s.Helper()
	o := s.buy(s.token, "points-5000")
	impUID = s.pay(o.MerchantUID, 4_000)
	notice := map[string]string{"imp_uid": impUID, "merchant_uid": o.MerchantUID, "status": "paid"}
	if a := s.postJSON(s.url+"/webhooks/iamport", notice, nil); a.status != http.StatusOK {
		s.Fatalf("the webhook answered %d %s", a.status, a.text)
	}
	return impUID
}

func TestAnOperatorRefundsAMisfit(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		impUID := s.payWrongAmount()
		env := s.env.with(environment{"IAMPORT_URL": s.url + "/sandbox"})
		text, err := finish(t, env, "problems")
		if err != nil || !strings.Contains(text, impUID+"  AMOUNT") || !strings.HasSuffix(text, "1 payment has a problem\n") {
			t.Errorf("%q, %v", text, err)
		}
		text, err = finish(t, env, "problems", "-json")
		if err != nil || !strings.HasPrefix(text, `{"impUid":"`+impUID+`","problem":"AMOUNT",`) {
			t.Errorf("%q, %v", text, err)
		}
		text, err = finish(t, env, "resolve", "-refund", "-reason", "금액 오류", "-by", "sora", impUID)
		if err != nil || !strings.Contains(text, "cancelled 4000") {
			t.Errorf("%q, %v", text, err)
		}
		if text, err = finish(t, env, "problems"); err != nil || text != "0 payments have a problem\n" {
			t.Errorf("%q, %v", text, err)
		}
		text, err = finish(t, env, "problems", "-of", impUID)
		if err != nil || !strings.Contains(text, "REFUND  AMOUNT by ") || !strings.Contains(text, "/sora: 금액 오류\n") {
			t.Errorf("%q, %v", text, err)
		}
		text, err = finish(t, env, "problems", "-json", "-of", impUID)
		if err != nil || !strings.Contains(text, `"action":"REFUND","reason":"금액 오류","operator":"`) || !strings.Contains(text, `/sora"`) {
			t.Errorf("%q, %v", text, err)
		}
		s.wantBalance(s.token, 0)
	})
}

func TestAnOperatorAcceptsAMisfit(t *testing.T) {
	t.Parallel()
	eachShop(t, func(s *visitor) {
		impUID := s.payWrongAmount()
		env := s.env.with(environment{"IAMPORT_URL": s.url + "/sandbox"})
		if text, err := finish(t, env, "resolve", "-accept", "-points", "3500", "-reason", "합의", "-by", "sora", impUID); err != nil {
			t.Errorf("%q, %v", text, err)
		}
		s.wantBalance(s.token, 3_500)
	})
}

func TestProblemsCommandsAreStrict(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"sweep now", "problems now", "resolve", "resolve imp_1", "resolve -refund -accept imp_1", "resolve -refund", "resolve -points x -accept imp_1",
		"resolve -refund -account a,b imp_1",
	} {
		if _, err := finish(t, sandboxOn("file:"+t.TempDir()+"/test.db"), strings.Fields(args)...); !isUsageError(err) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
