package point

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/database"
)

// maxAmount bounds every price and number of points: more than any payment provider takes at once, and
// little enough that the product of two fits in 64 bits, here and in SQL.
const maxAmount = 1_000_000_000

// Product (충전 상품) is a fixed amount of points on offer.
type Product struct {
	ID          string `gorm:"primaryKey"`
	Name        string // what the payment window shows; at most 40 characters (contract §4)
	Price       int64  // won
	Points      int64
	BonusPoints int64
	Active      bool // whether it can be bought
	Position    int  // its place in the list
}

// TableName is the table's name in SQL.
func (Product) TableName() string { return "charge_products" }

// Products are those on offer, or all of them, in the shop's order.
func (s *Service) Products(ctx context.Context, includeInactive bool) ([]Product, error) {
	q := gorm.G[Product](s.DB).Order("position, id")
	if !includeInactive {
		q = q.Where("active = ?", true)
	}
	products, err := q.Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	return products, nil
}

// Product is the one of that id, on offer or not; an Error NotFound when there is none.
func (s *Service) Product(ctx context.Context, id string) (Product, error) {
	return one[Product](ctx, s.DB, "product", "id = ?", id)
}

// UpsertProduct adds p, or replaces the product of its id. Open orders keep what they were offered.
// It refuses with InvalidArgument.
func (s *Service) UpsertProduct(ctx context.Context, p Product) (Product, error) {
	p.Name = strings.TrimSpace(p.Name)
	if err := p.check(); err != nil {
		return Product{}, err
	}
	err := database.Transact(ctx, s.DB, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&p).Error
	})
	if err != nil {
		return Product{}, fmt.Errorf("write product: %w", err)
	}
	return p, nil
}

func (p Product) check() error {
	if err := checkID("id", p.ID); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(p.Name); n < 1 || n > 40 || hasControl(p.Name) {
		return refuse(InvalidArgument, "name must be 1 to 40 printable characters.")
	}
	if p.Price < 1 || p.Price > maxAmount {
		return refuse(InvalidArgument, "price must be from 1 to %d won.", maxAmount)
	}
	if p.Points < 1 || p.Points > maxAmount {
		return refuse(InvalidArgument, "points must be from 1 to %d.", maxAmount)
	}
	if p.BonusPoints < 0 || p.BonusPoints > maxAmount {
		return refuse(InvalidArgument, "bonusPoints must be from 0 to %d.", maxAmount)
	}
	return nil
}

func hasControl(s string) bool { return strings.ContainsFunc(s, isControl) }

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }
