package graph

import (
	"context"

	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// maxUses is how many uses of a line or a lot the API shows.
const maxUses = 50

// linePage is a page of lines, and what is read for all of them.
type linePage struct {
	r        *Resolver
	rows     []point.Transaction
	orders   batch[map[string]Order] // by the line's id
	reversed batch[map[string]Line]  // by their own id
	sources  batch[map[string][]LotUse]
}

func (p *linePage) readOrders(ctx context.Context) (map[string]Order, error) {
	return p.orders.get(ctx, func(ctx context.Context) (map[string]Order, error) {
		rows, err := p.r.Charges.OrdersOfLines(ctx, p.rows)
		return indexNodes(rows, p.r.newOrders), err
	})
}

func (p *linePage) readReversed(ctx context.Context) (map[string]Line, error) {
	return p.reversed.get(ctx, func(ctx context.Context) (map[string]Line, error) {
		var ids []string
		for _, row := range p.rows {
			if row.ReversesID != nil {
				ids = append(ids, *row.ReversesID)
			}
		}
		return p.r.readLines(ctx, ids)
	})
}

func (p *linePage) readSources(ctx context.Context) (map[string][]LotUse, error) {
	return p.sources.get(ctx, func(ctx context.Context) (map[string][]LotUse, error) {
		ids := mapEach(p.rows, func(row point.Transaction) string { return row.ID })
		rows, err := readInParts(ids, func(ids []string) (map[string][]point.LotUse, error) {
			return p.r.Points.UsesOfLines(ctx, ids, maxUses)
		})
		return p.r.newUses(rows), err
	})
}

// readLines returns a page of lines by their id.
func (r *Resolver) readLines(ctx context.Context, ids []string) (map[string]Line, error) {
	rows, err := readInParts(ids, func(ids []string) (map[string]point.Transaction, error) {
		return r.Points.LinesByID(ctx, ids)
	})
	return indexNodes(rows, r.newLines), err
}

// orderPage is a page of orders, and what is read for all of them, by the order's number.
type orderPage struct {
	r        *Resolver
	rows     []charge.Order
	products batch[map[string]charge.Product] // by their own id
	accounts batch[map[string]charge.VirtualAccount]
	lines    batch[map[string]Line]
}

func (p *orderPage) readProducts(ctx context.Context) (map[string]charge.Product, error) {
	return p.products.get(ctx, func(ctx context.Context) (map[string]charge.Product, error) {
		ids := mapEach(p.rows, func(row charge.Order) string { return row.ProductID })
		return readInParts(ids, func(ids []string) (map[string]charge.Product, error) {
			return p.r.Charges.ProductsByID(ctx, ids)
		})
	})
}

func (p *orderPage) readAccounts(ctx context.Context) (map[string]charge.VirtualAccount, error) {
	return p.accounts.get(ctx, func(ctx context.Context) (map[string]charge.VirtualAccount, error) {
		return p.r.Charges.AccountsOfOrders(ctx, p.rows)
	})
}

func (p *orderPage) readLines(ctx context.Context) (map[string]Line, error) {
	return p.lines.get(ctx, func(ctx context.Context) (map[string]Line, error) {
		rows, err := p.r.Charges.ChargeLinesOfOrders(ctx, p.rows)
		return indexNodes(rows, p.r.newLines), err
	})
}

// lotPage is a page of lots, and what is read for all of them.
type lotPage struct {
	r     *Resolver
	rows  []point.Lot
	lines batch[map[string]Line] // by their own id
	uses  batch[map[string][]LotUse]
}

func (p *lotPage) readLines(ctx context.Context) (map[string]Line, error) {
	return p.lines.get(ctx, func(ctx context.Context) (map[string]Line, error) {
		return p.r.readLines(ctx, mapEach(p.rows, func(row point.Lot) string { return row.TransactionID }))
	})
}

func (p *lotPage) readUses(ctx context.Context) (map[string][]LotUse, error) {
	return p.uses.get(ctx, func(ctx context.Context) (map[string][]LotUse, error) {
		ids := mapEach(p.rows, func(row point.Lot) string { return row.ID })
		rows, err := readInParts(ids, func(ids []string) (map[string][]point.LotUse, error) {
			return p.r.Points.UsesOfLots(ctx, ids, maxUses)
		})
		return p.r.newUses(rows), err
	})
}

// usePage is all uses of the lines or the lots of a page, and what is read for all of them, by its
// own id.
type usePage struct {
	r     *Resolver
	rows  []point.LotUse
	lines batch[map[string]Line]
	lots  batch[map[string]Lot]
}

func (p *usePage) readLines(ctx context.Context) (map[string]Line, error) {
	return p.lines.get(ctx, func(ctx context.Context) (map[string]Line, error) {
		return p.r.readLines(ctx, mapEach(p.rows, func(row point.LotUse) string { return row.TransactionID }))
	})
}

func (p *usePage) readLots(ctx context.Context) (map[string]Lot, error) {
	return p.lots.get(ctx, func(ctx context.Context) (map[string]Lot, error) {
		ids := mapEach(p.rows, func(row point.LotUse) string { return row.LotID })
		rows, err := readInParts(ids, func(ids []string) (map[string]point.Lot, error) { return p.r.Points.LotsByID(ctx, ids) })
		return indexNodes(rows, p.r.newLots), err
	})
}
