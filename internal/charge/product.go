package charge

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// Product (충전 상품) is a fixed amount of points on offer.
type Product struct {
	ID          string `gorm:"primaryKey"`
	Name        string // shown by the payment window; at most 40 characters (contract §4)
	Price       int64  // won
	Points      int64
	BonusPoints int64
	Active      bool // on offer
	Position    int  // place in the list
}

// TableName is the table's name in SQL.
func (Product) TableName() string { return "charge_products" }

// Products returns the products on offer, or all products, in the shop's order.
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

// Product returns the product with the given id, on offer or not. The error is NotFound for an
// unknown id.
func (s *Service) Product(ctx context.Context, id string) (Product, error) {
	return database.FindOne[Product](ctx, s.db, "product", "id = ?", id)
}

// UpsertProduct adds p, or replaces the product with the same id. Open orders keep their offer. The
// error is InvalidArgument.
func (s *Service) UpsertProduct(ctx context.Context, p Product) (Product, error) {
	p.Name = strings.TrimSpace(p.Name)
	if err := p.validate(); err != nil {
		return Product{}, err
	}
	if err := checkWindowName(p.Name); err != nil {
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
	if err := apierror.CheckText("name", p.Name, 1, 40); err != nil {
		return err
	}
	if err := apierror.CheckAmount("price", p.Price, 1, point.MaxAmount, "won"); err != nil {
		return err
	}
	if err := apierror.CheckAmount("points", p.Points, 1, point.MaxAmount, "points"); err != nil {
		return err
	}
	return apierror.CheckAmount("bonusPoints", p.BonusPoints, 0, point.MaxAmount, "points")
}
