package charge_test

import (
	"testing"

	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/page"
	"pointcharge/internal/point"
)

func TestTransactionsArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for range 5 {
			w.Charged()
		}
		var seqs []int64
		page := page.Request{First: 3}
		for {
			c, err := w.Transactions(w.Context(), "minji", page, nil)
			w.Must(err)
			for _, edge := range c.Edges {
				seqs = append(seqs, edge.Node.Seq)
			}
			if !c.PageInfo.HasNextPage {
				break
			}
			page.After = c.PageInfo.EndCursor
		}
		if len(seqs) != 10 {
			w.Fatalf("read %v", seqs)
		}
		for i, seq := range seqs {
			if seq != int64(10-i) {
				w.Fatalf("read %v", seqs)
			}
		}
	})
}

func TestTransactionsCanBeOfSomeKindsOnly(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		c, err := w.Transactions(w.Context(), "minji", page.Request{First: 10}, []point.Kind{point.KindBonus, point.KindSpend})
		w.Must(err)
		if len(c.Edges) != 1 || c.Edges[0].Node.Kind != point.KindBonus {
			w.Fatalf("read %+v", c.Edges)
		}
	})
}

func TestThereAreNoMoreKindsThanThereAre(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.Charged()
		all := []point.Kind{point.KindCharge, point.KindBonus, point.KindSpend, point.KindSpendCancel, point.KindChargeCancel, point.KindExpire, point.KindAdjust,
			point.KindClawback, point.KindExpireCancel, point.KindAdjustCancel}
		c, err := w.Transactions(w.Context(), "minji", page.Request{First: 10}, all)
		if err != nil || len(c.Edges) == 0 {
			w.Fatalf("all kinds: %+v, %v", c.Edges, err)
		}
		if _, err = w.Transactions(w.Context(), "minji", page.Request{First: 10}, append(all, all[0])); apierror.CodeOf(err) != apierror.InvalidArgument {
			w.Fatalf("one more: %v", err)
		}
	})
}

func TestOrdersArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		var opened []string
		for range 5 {
			opened = append([]string{w.OpenOrder("minji").MerchantUID}, opened...)
		}
		var read []string
		page := page.Request{First: 2}
		for more := true; more; {
			c, err := w.Orders(w.Context(), "minji", page)
			w.Must(err)
			for _, edge := range c.Edges {
				read = append(read, edge.Node.MerchantUID)
			}
			page.After, more = c.PageInfo.EndCursor, c.PageInfo.HasNextPage
		}
		for i := range opened {
			if len(read) != len(opened) || read[i] != opened[i] {
				w.Fatalf("read %v, want %v", read, opened)
			}
		}
	})
}

func TestAPageMustBeReasonable(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for _, page := range []page.Request{{First: 0}, {First: -1}, {First: 101}, {First: 1 << 31},
			{First: 1, After: new("x")}, {First: 1, After: new("")}, {First: 1, After: new("AAAA")}} {
			_, err := w.Transactions(w.Context(), "minji", page, nil)
			w.WantCode(err, apierror.InvalidArgument)
			_, err = w.Orders(w.Context(), "minji", page)
			w.WantCode(err, apierror.InvalidArgument)
		}
	})
}

func TestNobodyReadsWhatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		line := w.Charged()
		_, err := w.Transaction(w.Context(), "junho", line.ID)
		w.WantCode(err, apierror.NotFound)
		_, err = w.Order(w.Context(), "junho", *line.Reference)
		w.WantCode(err, apierror.NotFound)
		c, err := w.Transactions(w.Context(), "junho", page.Request{First: 100}, nil)
		w.Must(err)
		if len(c.Edges) != 0 {
			w.Fatalf("junho reads %+v", c.Edges)
		}
	})
}

func TestALineIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		line := w.Charged()
		got, err := w.Transaction(w.Context(), "minji", line.ID)
		w.Must(err)
		if !got.CreatedAt.Equal(line.CreatedAt) || got.CreatedAt.Location().String() != "UTC" || got.Seq != 1 {
			w.Fatalf("wrote %+v, read %+v", line, got)
		}
	})
}

func TestUpsertProductRefusesNonsense(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		for name, edit := range map[string]func(*charge.Product){
			"no id":        func(p *charge.Product) { p.ID = "" },
			"an id with /": func(p *charge.Product) { p.ID = "a/b" },
			"no name":      func(p *charge.Product) { p.Name = "  " },
			"a long name": func(p *charge.Product) {
				p.Name = "포인트포인트포인트포인트포인트포인트포인트포인트포인트포인트포인트포인트포인트포인트"
			},
			"NUL in the name": func(p *charge.Product) { p.Name = "a\x00b" },
			"no price":        func(p *charge.Product) { p.Price = 0 },
			"a minus price":   func(p *charge.Product) { p.Price = -1 },
			"no points":       func(p *charge.Product) { p.Points = 0 },
			"minus bonus":     func(p *charge.Product) { p.BonusPoints = -1 },
			"a huge price":    func(p *charge.Product) { p.Price = 1 << 60 },
		} {
			p := domaintest.Product()
			edit(&p)
			if _, err := w.UpsertProduct(w.Context(), p); apierror.CodeOf(err) != apierror.InvalidArgument {
				w.Errorf("%s: %v", name, err)
			}
		}
		products, err := w.Products(w.Context(), true)
		w.Must(err)
		if len(products) != 1 || products[0] != domaintest.Product() {
			w.Fatalf("products are %+v", products)
		}
	})
}
