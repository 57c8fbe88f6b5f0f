// Package audit proves the books: the audit runs each domain's invariants as SQL.
package audit

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Invariant is a sentence about the books and the SQL that finds the rows breaking the sentence.
type Invariant struct {
	Name   string
	Broken string // SQL: a query whose column found names the broken rows
}

// Finding is a row of the books that breaks an invariant.
type Finding struct {
	Invariant string
	Row       string // the row's name: a user, a payment's imp_uid or an order's merchant_uid
}

func (f Finding) String() string { return f.Invariant + ": " + f.Row }

// Run (대사) proves the books. The result has every row that breaks one of the invariants, at most
// 100 for each invariant, and is empty when the books are right. Run only reads.
func Run(ctx context.Context, db *gorm.DB, invariants []Invariant) ([]Finding, error) {
	if db.Name() != "postgres" {
		// On SQLite a transaction would keep writers out.
		return checkInvariants(db.WithContext(ctx), invariants)
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
