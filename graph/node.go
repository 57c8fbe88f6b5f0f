package graph

import (
	"fmt"
	"maps"
	"slices"

	"pointcharge/internal/charge"
	"pointcharge/internal/page"
	"pointcharge/internal/point"
)

// The types below are the domain's, each with the page that it was read with. A page is all objects
// of one list, or an object that was read alone.
type (
	// Line is a PointTransaction.
	Line struct {
		point.Transaction
		page *linePage
	}
	// Order is a ChargeOrder.
	Order struct {
		charge.Order
		page *orderPage
	}
	// Lot is a PointLot.
	Lot struct {
		point.Lot
		page *lotPage
	}
	// LotUse is a PointLotUse or a PointSource.
	LotUse struct {
		point.LotUse
		page *usePage
	}
)

// The connections are the domain's with such nodes.
type (
	// LineConnection is a PointTransactionConnection.
	LineConnection struct {
		Edges    []LineEdge
		PageInfo page.Info
	}
	// LineEdge is a PointTransactionEdge.
	LineEdge struct {
		Cursor string
		Node   Line
	}
	// OrderConnection is a ChargeOrderConnection.
	OrderConnection struct {
		Edges    []OrderEdge
		PageInfo page.Info
	}
	// OrderEdge is a ChargeOrderEdge.
	OrderEdge struct {
		Cursor string
		Node   Order
	}
	// LotConnection is a PointLotConnection.
	LotConnection struct {
		Edges    []LotEdge
		PageInfo page.Info
	}
	// LotEdge is a PointLotEdge.
	LotEdge struct {
		Cursor string
		Node   Lot
	}
)

// newLines makes one page of lines.
func (r *Resolver) newLines(rows ...point.Transaction) []Line {
	page := &linePage{r: r, rows: rows}
	return mapEach(rows, func(row point.Transaction) Line { return Line{row, page} })
}

func (r *Resolver) newOrders(rows ...charge.Order) []Order {
	page := &orderPage{r: r, rows: rows}
	return mapEach(rows, func(row charge.Order) Order { return Order{row, page} })
}

func (r *Resolver) newLots(rows ...point.Lot) []Lot {
	page := &lotPage{r: r, rows: rows}
	return mapEach(rows, func(row point.Lot) Lot { return Lot{row, page} })
}

// newUses makes one page of the uses of several lines or lots.
func (r *Resolver) newUses(rows map[string][]point.LotUse) map[string][]LotUse {
	page, uses := &usePage{r: r}, make(map[string][]LotUse, len(rows))
	for key, list := range rows {
		page.rows = append(page.rows, list...)
		uses[key] = mapEach(list, func(row point.LotUse) LotUse { return LotUse{row, page} })
	}
	return uses
}

// toLine makes a page of a single line.
func (r *Resolver) toLine(row point.Transaction) Line { return r.newLines(row)[0] }

// newLine is toLine for a call that may have failed.
func (r *Resolver) newLine(row point.Transaction, err error) (Line, error) {
	return r.toLine(row), err
}

// newOrder makes a page of an order that was read or written alone.
func (r *Resolver) newOrder(row charge.Order, err error) (Order, error) {
	return r.newOrders(row)[0], err
}

func (r *Resolver) newLineConnection(c point.TransactionConnection, err error) (LineConnection, error) {
	nodes, connection := r.newLines(nodesOf(c)...), LineConnection{PageInfo: c.PageInfo}
	for i, edge := range c.Edges {
		connection.Edges = append(connection.Edges, LineEdge{edge.Cursor, nodes[i]})
	}
	return connection, err
}

func (r *Resolver) newOrderConnection(c charge.OrderConnection, err error) (OrderConnection, error) {
	nodes, connection := r.newOrders(nodesOf(c)...), OrderConnection{PageInfo: c.PageInfo}
	for i, edge := range c.Edges {
		connection.Edges = append(connection.Edges, OrderEdge{edge.Cursor, nodes[i]})
	}
	return connection, err
}

func (r *Resolver) newLotConnection(c point.LotConnection, err error) (LotConnection, error) {
	nodes, connection := r.newLots(nodesOf(c)...), LotConnection{PageInfo: c.PageInfo}
	for i, edge := range c.Edges {
		connection.Edges = append(connection.Edges, LotEdge{edge.Cursor, nodes[i]})
	}
	return connection, err
}

func nodesOf[T any](c page.Connection[T]) []T {
	return mapEach(c.Edges, func(edge page.Edge[T]) T { return edge.Node })
}

// indexNodes makes a page of the rows, which were read by some key.
func indexNodes[T, N any](rows map[string]T, newNodes func(...T) []N) map[string]N {
	keys := slices.Collect(maps.Keys(rows))
	nodes, index := newNodes(mapEach(keys, func(key string) T { return rows[key] })...), make(map[string]N, len(keys))
	for i, key := range keys {
		index[key] = nodes[i]
	}
	return index
}

func mapEach[T, U any](list []T, f func(T) U) []U {
	mapped := make([]U, len(list))
	for i, one := range list {
		mapped[i] = f(one)
	}
	return mapped
}

// lookUp returns the object that a page has for the key; nil if there is none.
func lookUp[N any](found map[string]N, key string, err error) (*N, error) {
	node, ok := found[key]
	if err != nil || !ok {
		return nil, err
	}
	return &node, nil
}

// mustLookUp returns the object that a page has for the key. That the books have it is an
// invariant.
func mustLookUp[N any](found map[string]N, key string, err error) (N, error) {
	node, ok := found[key]
	if err == nil && !ok {
		err = fmt.Errorf("no %T has the key %q", node, key)
	}
	return node, err
}
