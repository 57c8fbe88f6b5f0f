// Package domaintest has a world for tests of the domains: the services on a real database, with
// the sandbox behind the real client over real HTTP.
package domaintest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"pointcharge/internal/apierror"
	"pointcharge/internal/audit"
	"pointcharge/internal/charge"
	"pointcharge/internal/database"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/iamport"
	"pointcharge/internal/point"
	"pointcharge/internal/reconcile"
	"pointcharge/internal/sandbox"
)

// The embedded services need distinct field names.
type (
	Ledger     = point.Service
	Charges    = charge.Service
	Reconciler = reconcile.Service
)

// World is the domain on a real database, with the sandbox behind the real client over real HTTP.
type World struct {
	*testing.T
	*Services
	Sandbox *sandbox.Sandbox
}

// Services is the domain on one database.
type Services struct {
	DB *gorm.DB
	*Ledger
	*Charges
	*Reconciler
}

func NewServices(db *gorm.DB, gateway charge.Gateway) *Services {
	points := point.New(db)
	// The database's clock cannot be stopped: it agrees, unless a test says otherwise.
	points.DatabaseClock = func(*gorm.DB) (time.Time, error) { return points.CurrentTime(), nil }
	sales := charge.New(db, points, gateway)
	return &Services{db, points, sales, reconcile.New(db, points, sales)}
}

// Product returns the product of all test users: 5,000 points for 5,000 won, and a bonus of 500.
func Product() charge.Product {
	return charge.Product{ID: "points-5000", Name: "포인트 5,000", Price: 5000, Points: 5000, BonusPoints: 500, Active: true}
}

// Each runs test on both databases, and audits the books afterwards.
func Each(t *testing.T, test func(w *World)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) { test(NewWorld(t, db, "sandbox")) })
}

func EachLive(t *testing.T, test func(w *World)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) { test(NewWorld(t, db, "live")) })
}

func NewWorld(t *testing.T, db *gorm.DB, mode string) *World {
	t.Helper()
	gateway := sandbox.New(sandbox.Config{})
	t.Cleanup(gateway.Close)
	return NewWorldBehind(t, db, mode, gateway, gateway)
}

// NewWorldBehind puts front between the client and the gateway.
func NewWorldBehind(t *testing.T, db *gorm.DB, mode string, gateway *sandbox.Sandbox, front http.Handler) *World {
	t.Helper()
	w := &World{t, nil, gateway}
	live := mode == "live"
	w.Services = NewServices(db, NewClient(t, front, live))
	w.Live = live
	w.Must(database.Stamp(t.Context(), db, mode))
	_, err := w.UpsertProduct(t.Context(), Product())
	w.Must(err)
	t.Cleanup(func() { Audit(t, db) })
	return w
}

// NewClient is the real one, in front of a gateway behind HTTP.
func NewClient(t *testing.T, gateway http.Handler, live bool) *iamport.Client {
	t.Helper()
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	return iamport.New(iamport.Config{URL: server.URL, Key: "k", Secret: "s", ChannelKey: "c", IncludeSandbox: !live})
}

func Audit(t *testing.T, db *gorm.DB) {
	t.Helper()
	findings, err := audit.Run(context.Background(), db, Invariants())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("audit: %s", f)
	}
}

func (w *World) Must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// OpenOrder opens one for user.
func (w *World) OpenOrder(user string) charge.Order {
	w.Helper()
	o, err := w.Open(w.Context(), user, Product().ID, charge.PayByCard)
	w.Must(err)
	return o
}

// Pay makes a payment of exactly the order's price, changed by edit, and returns the imp_uid.
func (w *World) Pay(o charge.Order, edit ...func(*sandbox.Payment)) string {
	p := sandbox.Payment{MerchantUID: o.MerchantUID, Amount: sandbox.Won(o.Price), Sandbox: !w.Live}
	for _, e := range edit {
		e(&p)
	}
	return w.Sandbox.Put(p).ImpUID
}

// EditPayment changes a payment at the gateway.
func (w *World) EditPayment(impUID string, edit func(*sandbox.Payment)) {
	w.Helper()
	p, ok := w.Sandbox.Payment(impUID)
	if !ok {
		w.Fatalf("no payment %s", impUID)
	}
	edit(&p)
	w.Sandbox.Put(p)
}

func WithStatus(s string) func(*sandbox.Payment) {
	return func(p *sandbox.Payment) { p.Status = s }
}

// WantCode fails unless err has the code.
func (w *World) WantCode(err error, code apierror.Code) {
	w.Helper()
	if apierror.CodeOf(err) != code {
		w.Fatalf("got code %q (%v), want %q", apierror.CodeOf(err), err, code)
	}
}

func (w *World) WantBalance(user string, points int64) {
	w.Helper()
	wallet, err := w.Wallet(w.Context(), user)
	w.Must(err)
	if wallet.Balance != points {
		w.Fatalf("%s has %d points, want %d", user, wallet.Balance, points)
	}
}

// WantProblem fails unless the payment is kept with the given problem.
func (w *World) WantProblem(impUID string, problem charge.Problem) {
	w.Helper()
	var p charge.Payment
	w.Must(w.DB.Where("imp_uid = ?", impUID).Take(&p).Error)
	if p.Problem != problem {
		w.Fatalf("payment %s has problem %q, want %q", impUID, p.Problem, problem)
	}
}

// Count is how many rows of a table match.
func (w *World) Count(table, where string, args ...any) int64 {
	w.Helper()
	var n int64
	w.Must(w.DB.Raw(fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", table, where), args...).Scan(&n).Error)
	return n
}

// Invariants returns the invariants of all domains.
func Invariants() []audit.Invariant {
	return slices.Concat(point.Invariants(), charge.Invariants())
}

// Charged opens and charges an order of minji's.
func (w *World) Charged() point.Transaction {
	w.Helper()
	line, err := w.Charge(w.Context(), "minji", w.Pay(w.OpenOrder("minji")))
	w.Must(err)
	return line
}

// QuietDB returns the database without a log, for statements that are meant to fail.
func (w *World) QuietDB() *gorm.DB {
	return w.DB.Session(&gorm.Session{Logger: logger.Discard})
}
