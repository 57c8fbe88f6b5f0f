package iamport_test

import (
	"net/http/httptest"
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
	"pointcharge/internal/sandbox"
)

// newSandbox returns a client of the sandbox. The sandbox implements the contract separately.
func newSandbox(t *testing.T, cfg iamport.Config) (*sandbox.Sandbox, *iamport.Client) {
	t.Helper()
	box := sandbox.New(sandbox.Config{Key: "key", Secret: "a&b=c+d%26"})
	t.Cleanup(box.Close)
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	cfg.Secret = "a&b=c+d%26"
	return box, newClient(server.URL, cfg)
}

func TestSandboxPaymentIsRead(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	put := box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: "10.50", Currency: "USD"})
	got, err := client.Payment(t.Context(), put.ImpUID)
	if err != nil {
		t.Fatal(err)
	}
	if got.MerchantUID != "order-1" || got.Amount != 1050 || got.Currency != "USD" || got.Status != charge.Paid || got.PaidAt == nil {
		t.Errorf("got %+v", got)
	}
}

func TestF20TestChannelPaymentIsNotFoundInLiveMode(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	put := box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: sandbox.Won(5000), Sandbox: true})
	_, err := client.Payment(t.Context(), put.ImpUID)
	wantCode(t, err, apierror.PaymentNotFound)
}

func TestF21TestChannelPaymentIsReadInSandboxMode(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{IncludeSandbox: true})
	put := box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: sandbox.Won(5000), Sandbox: true})
	got, err := client.Payment(t.Context(), put.ImpUID)
	if err != nil || !got.Sandbox {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSandboxListsEveryAttemptAcrossPages(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	for range 250 {
		box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: sandbox.Won(5000), Status: sandbox.Failed})
	}
	box.Put(sandbox.Payment{MerchantUID: "order-2", Amount: sandbox.Won(5000)})
	got, err := client.Payments(t.Context(), "order-1")
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[string]bool{}
	for _, p := range got {
		distinct[p.ImpUID] = true
	}
	if len(got) != 250 || len(distinct) != 250 {
		t.Errorf("%d payments, %d distinct", len(got), len(distinct))
	}
}

func TestSandboxKnowsNoPaymentsOfANewOrder(t *testing.T) {
	t.Parallel()
	_, client := newSandbox(t, iamport.Config{})
	if got, err := client.Payments(t.Context(), "order-1"); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSandboxTokenThatExpiredIsRenewed(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	put := box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: sandbox.Won(5000)})
	for range 3 {
		if _, err := client.Payment(t.Context(), put.ImpUID); err != nil {
			t.Fatal(err)
		}
		box.ExpireToken()
	}
	wantCount(t, "getToken", int64(box.Requests()["POST /users/getToken"]), 3)
}

func TestSandboxPreparesAnOrder(t *testing.T) {
	t.Parallel()
	_, client := newSandbox(t, iamport.Config{})
	if err := client.Prepare(t.Context(), "order-1", 5000, "KRW"); err != nil {
		t.Error(err)
	}
}

func TestSandboxGivesMoneyBackInParts(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	put := box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: sandbox.Won(5000)})
	cancel := newRefund()
	cancel.ImpUID = put.ImpUID
	got, err := client.Cancel(t.Context(), cancel)
	if err != nil {
		t.Fatal(err)
	}
	if got.CancelledAmount != 1000 || len(got.Cancellations) != 1 || got.Cancellations[0].Amount != 1000 {
		t.Errorf("got %+v", got)
	}
}

func TestF19SandboxRefusesAWrongChecksum(t *testing.T) {
	t.Parallel()
	box, client := newSandbox(t, iamport.Config{})
	put := box.Put(sandbox.Payment{MerchantUID: "order-1", Amount: sandbox.Won(5000)})
	cancel := newRefund()
	cancel.ImpUID, cancel.Checksum = put.ImpUID, 4000
	_, err := client.Cancel(t.Context(), cancel)
	wantCode(t, err, apierror.RefundNotPossible)
}
