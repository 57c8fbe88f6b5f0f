package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pointcharge/internal/web"
)

func TestTheAnswerReachesHashRoutesAndApps(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	for frontend, want := range map[string]string{
		"https://shop.example/wallet":              "https://shop.example/wallet?status=unknown",
		"https://shop.example/#/wallet":            "https://shop.example/#/wallet?status=unknown",
		"https://shop.example/app?v=1#/wallet?a=b": "https://shop.example/app?v=1#/wallet?a=b&status=unknown",
		"https://shop.example/wallet#top":          "https://shop.example/wallet?status=unknown#top",
		"myapp://wallet":                           "myapp://wallet?status=unknown",
		"com.example.shop:/wallet":                 "com.example.shop:/wallet?status=unknown",
	} {
		recorder := httptest.NewRecorder()
		w.routes(w.points, frontend).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/payments/return", nil))
		if got := recorder.Header().Get("Location"); got != want {
			t.Errorf("%s: %s, want %s", frontend, got, want)
		}
	}
}

func TestAWebhookOfTheOtherVersionIsCalledSo(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	for body, other := range map[string]bool{
		`{"type":"Transaction.Paid","timestamp":"2026-11-01T00:00:00Z","data":{"paymentId":"p","storeId":"s"}}`: true,
		`{"type":"BillingKey.Issued","data":{}}`:               true,
		`{"tx_id":"t","payment_id":"p","status":"Paid"}`:       true,
		`{"status":"paid"}`:                                    false,
		`{"type":"Transaction.Paid","imp_uid":"../../secret"}`: false,
	} {
		var log bytes.Buffer
		routes := w.routes(w.points, "https://shop.example", func(c *web.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		request := httptest.NewRequest(http.MethodPost, "/webhooks/iamport", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		routes.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusBadRequest || strings.Contains(log.String(), "2017-12-13") != other {
			t.Errorf("%s: status %d, logged %s", body, recorder.Code, log.String())
		}
	}
}
