package database

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"pointcharge/internal/apierror"
)

// ExactlyOne turns a conditional UPDATE without a matching row into an error, so that the
// transaction rolls back.
func ExactlyOne(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected != 1 {
		return fmt.Errorf("expected to change one row, changed %d", done.RowsAffected)
	}
	return done.Error
}

// FindOne reads a row; a missing row is an Error NotFound.
func FindOne[T any](ctx context.Context, db *gorm.DB, what, where string, args ...any) (row T, err error) {
	rows, err := gorm.G[T](db).Where(where, args...).Limit(1).Find(ctx)
	if err != nil {
		return row, fmt.Errorf("read %s: %w", what, err)
	}
	if len(rows) == 0 {
		return row, apierror.New(apierror.NotFound, "There is no such %s.", what)
	}
	return rows[0], nil
}

// NewID returns a UUIDv7: hard enough to guess, and in the order of time, as indexes prefer.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}
