package charge

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

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
	q := gorm.G[Product](s.db).Order("position, id")
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
	return database.FindOne[Product](ctx, s.db, "product", "id = ?", id)
}

// UpsertProduct adds p, or replaces the product of its id. Open orders keep what they were offered.
// It refuses with InvalidArgument.
func (s *Service) UpsertProduct(ctx context.Context, p Product) (Product, error) {
	p.Name = strings.TrimSpace(p.Name)
	if err := p.validate(); err != nil {
		return Product{}, err
	}
	err := database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&p).Error
	})
	if err != nil {
		return Product{}, fmt.Errorf("write product: %w", err)
	}
	return p, nil
}

func (p Product) validate() error {
	if err := apierror.CheckID("id", p.ID); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(p.Name); n < 1 || n > 40 || apierror.HasControl(p.Name) {
		return apierror.New(apierror.InvalidArgument, "name must be 1 to 40 printable characters.")
	}
	if p.Price < 1 || p.Price > point.MaxAmount {
		return apierror.New(apierror.InvalidArgument, "price must be from 1 to %d won.", point.MaxAmount)
	}
	if p.Points < 1 || p.Points > point.MaxAmount {
		return apierror.New(apierror.InvalidArgument, "points must be from 1 to %d.", point.MaxAmount)
	}
	if p.BonusPoints < 0 || p.BonusPoints > point.MaxAmount {
		return apierror.New(apierror.InvalidArgument, "bonusPoints must be from 0 to %d.", point.MaxAmount)
	}
	return nil
}
