// Package audit proves the books: it runs the SQL by which each domain says what must be true of its tables.
package audit

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Invariant is a sentence about the books and the SQL that finds the rows for which it is false.
type Invariant struct {
	Name   string
	Broken string // SQL: a query whose column found names the rows
}

// Finding is a row of the books that breaks an invariant.
type Finding struct {
	Invariant string
	Row       string // which row: a user, a payment's imp_uid or an order's merchant_uid
}

func (f Finding) String() string { return f.Invariant + ": " + f.Row }

// Run (대사) proves the books: it returns every row that breaks one of the invariants, and nothing when they are
// right. It only reads. At most 100 rows are returned for each invariant.
func Run(ctx context.Context, db *gorm.DB, invariants []Invariant) ([]Finding, error) {
	if db.Name() != "postgres" {
		return checkInvariants(db.WithContext(ctx), invariants) // on SQLite a transaction would keep writers out
	}
	var findings []Finding
	err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		// The books of years take longer to read than a request may.
		if err = tx.Exec("SET LOCAL statement_timeout = 0").Error; err == nil {
			findings, err = checkInvariants(tx, invariants)
		}
		return err
	})
	return findings, err
}

func checkInvariants(db *gorm.DB, invariants []Invariant) ([]Finding, error) {
	var findings []Finding
	for _, check := range invariants {
		var rows []string
		sql := "SELECT DISTINCT found FROM (" + check.Broken + ") broken ORDER BY found LIMIT 100"
		if err := db.Raw(sql).Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("audit %q: %w", check.Name, err)
		}
		for _, row := range rows {
			findings = append(findings, Finding{Invariant: check.Name, Row: row})
		}
	}
	return findings, nil
}
