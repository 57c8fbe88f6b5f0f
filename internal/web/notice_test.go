package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"pointcharge/internal/web"
)

func readNotice(body, contentType string) (web.Notice, error) {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/iamport", strings.NewReader(body))
	r.Header = http.Header{"Content-Type": {contentType}}
	return web.ReadNotice(httptest.NewRecorder(), r)
}

// FuzzNotice reads any body as a webhook. A notice that is accepted has a well-formed payment id or
// is a special event, is fit for the log, and reads the same in Iamport's other format (contract
// §2.1).
func FuzzNotice(f *testing.F) {
	const form, plain = "application/x-www-form-urlencoded", "application/json"
	for body, contentType := range map[string]string{
		`{"imp_uid":"imp_1","merchant_uid":"order-1","status":"paid"}`:                            plain,
		`{"imp_uid":"imp_1","merchant_uid":"order-1","status":"cancelled","cancellation_id":"c"}`: plain + "; charset=utf-8",
		"imp_uid=imp_1&merchant_uid=order-1&status=ready":                                         form,
		`{"event":"Inicis.Escrow.Changed","status":"paid"}`:                                       plain,
		`{"imp_uid":"../payments","merchant_uid":"a"}`:                                            plain,
		`{"imp_uid":1}`:                                plain,
		"imp_uid=imp_1%00&merchant_uid=a%0aLOG":        form,
		"imp_uid=%zz":                                  form,
		`{"IMP_UID":"imp_1","Merchant_Uid":"order"} x`: plain,
	} {
		f.Add(body, contentType)
	}
	id := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	f.Fuzz(func(t *testing.T, body, contentType string) {
		n, err := readNotice(body, contentType)
		if err != nil {
			return
		}
		if n.Event == "" && (!id.MatchString(n.ImpUID) || n.MerchantUID == "") {
			t.Fatalf("%q: %+v", body, n)
		}
		text := n.Event + n.MerchantUID + n.Status + n.CancellationID
		if len(text) > 300 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Fatalf("%q: not fit for the log: %+v", body, n)
		}
		again, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := readNotice(string(again), plain); err != nil || same != toUTF8(n) {
			t.Fatalf("%+v as JSON is %+v, %v", n, same, err)
		}
		values := url.Values{"event": {n.Event}, "imp_uid": {n.ImpUID}, "merchant_uid": {n.MerchantUID}, "status": {n.Status}, "cancellation_id": {n.CancellationID}}
		if same, err := readNotice(values.Encode(), form); err != nil || same != n {
			t.Fatalf("%+v as a form is %+v, %v", n, same, err)
		}
	})
}

// toUTF8 replaces what JSON cannot hold: bytes that are not UTF-8.
func toUTF8(n web.Notice) web.Notice {
	for _, text := range []*string{&n.Event, &n.ImpUID, &n.MerchantUID, &n.Status, &n.CancellationID} {
		*text = string([]rune(*text))
	}
	return n
}
