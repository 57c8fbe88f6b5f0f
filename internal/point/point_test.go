package point_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/sandbox"
)

// world is the domain on a real database, with the sandbox behind the real client over real HTTP.
type world struct {
	*testing.T
	*point.Service
	gateway *sandbox.Sandbox
}

// product is what everybody buys: 5,000 points for 5,000 won, and 500 on top.
var product = point.Product{ID: "points-5000", Name: "포인트 5,000", Price: 5000, Points: 5000, BonusPoints: 500, Active: true}

// each runs test on both databases, and audits the books afterwards.
func each(t *testing.T, test func(w *world)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) { test(newWorld(t, db, "sandbox")) })
}

func eachLive(t *testing.T, test func(w *world)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) { test(newWorld(t, db, "live")) })
}

func newWorld(t *testing.T, db *gorm.DB, mode string) *world {
	t.Helper()
	gateway := sandbox.New(sandbox.Config{})
	t.Cleanup(gateway.Close)
	return newWorldBehind(t, db, mode, gateway, gateway)
}

// newWorldBehind puts front between the client and the gateway.
func newWorldBehind(t *testing.T, db *gorm.DB, mode string, gateway *sandbox.Sandbox, front http.Handler) *world {
	t.Helper()
	w := &world{t, &point.Service{DB: db, Live: mode == "live"}, gateway}
	w.Gateway = w.client(front)
	w.must(database.Stamp(t.Context(), db, mode))
	_, err := w.UpsertProduct(t.Context(), product)
	w.must(err)
	t.Cleanup(func() { audit(t, db) })
	return w
}

// client is the real one, in front of a gateway behind HTTP.
func (w *world) client(gateway http.Handler) *iamport.Client {
	server := httptest.NewServer(gateway)
	w.Cleanup(server.Close)
	return iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", ChannelKey: "c", IncludeSandbox: !w.Live})
}

func audit(t *testing.T, db *gorm.DB) {
	t.Helper()
	findings, err := point.Audit(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("audit: %s", f)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// order opens one for user.
func (w *world) order(user string) point.Order {
	w.Helper()
	o, err := w.Open(w.Context(), user, product.ID, point.PayByCard)
	w.must(err)
	return o
}

// pay makes a payment of exactly what o costs, as edit changes it, and returns its imp_uid.
func (w *world) pay(o point.Order, edit ...func(*sandbox.Payment)) string {
	p := sandbox.Payment{MerchantUID: o.MerchantUID, Amount: sandbox.Won(o.Price), Sandbox: !w.Live}
	for _, e := range edit {
		e(&p)
	}
	return w.gateway.Put(p).ImpUID
}

// edit changes a payment that the gateway has already.
func (w *world) edit(impUID string, edit func(*sandbox.Payment)) {
	w.Helper()
	p, ok := w.gateway.Payment(impUID)
	if !ok {
		w.Fatalf("no payment %s", impUID)
	}
	edit(&p)
	w.gateway.Put(p)
}

func status(s string) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) { p.Status = s }
}

// wantCode fails unless err has the code.
func (w *world) wantCode(err error, code point.Code) {
	w.Helper()
	if point.CodeOf(err) != code {
		w.Fatalf("got code %q (%v), want %q", point.CodeOf(err), err, code)
	}
}

func (w *world) wantBalance(user string, points int64) {
	w.Helper()
	wallet, err := w.Wallet(w.Context(), user)
	w.must(err)
	if wallet.Balance != points {
		w.Fatalf("%s has %d points, want %d", user, wallet.Balance, points)
	}
}

// wantProblem fails unless the payment is kept with that problem.
func (w *world) wantProblem(impUID string, problem point.Problem) {
	w.Helper()
	var p point.Payment
	w.must(w.DB.Where("imp_uid = ?", impUID).Take(&p).Error)
	if p.Problem != problem {
		w.Fatalf("payment %s has problem %q, want %q", impUID, p.Problem, problem)
	}
}

// count is how many rows of a table match.
func (w *world) count(table, where string, args ...any) int64 {
	w.Helper()
	var n int64
	w.must(w.DB.Raw(fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", table, where), args...).Scan(&n).Error)
	return n
}
