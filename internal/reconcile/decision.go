package reconcile

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// Decision (처리) is an operator's decision to ignore a discrepancy, and a row of the database. The
// row never changes.
type Decision struct {
	ID            string `gorm:"primaryKey"`
	DiscrepancyID string
	ImpUID        string
	Kind          DiscrepancyKind // the difference at the time of the decision
	Ours          string
	Theirs        string
	Reason        string
	Actor         point.Actor `gorm:"embedded;embeddedPrefix:actor_"`
	CreatedAt     time.Time
}

// TableName is the table's name in SQL.
func (Decision) TableName() string { return "discrepancy_decisions" }

// IgnoreDiscrepancy takes the open discrepancy of a payment off the operator's list and keeps the
// decision. An empty impUID means the listed payments without a usable imp_uid. The discrepancy
// opens again when the payment differs in another way.
//
// Errors: Forbidden unless the actor is an operator; InvalidArgument (impUid, reason); NotFound
// when the payment has no open discrepancy, also because a run just repaired or an operator just
// ignored the discrepancy.
func (s *Service) IgnoreDiscrepancy(ctx context.Context, actor point.Actor, impUID, reason string) (Discrepancy, error) {
	if err := checkDecision(actor, impUID, reason); err != nil {
		return Discrepancy{}, err
	}
	id, err := database.NewID()
	if err != nil {
		return Discrepancy{}, err
	}
	now := s.points.CurrentTime()
	var ignored Discrepancy
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		current, err := lockCurrent(tx, impUID)
		if err != nil {
			return err
		}
		written, err := isDecided(tx, id)
		if err != nil {
			return err
		}
		if current == nil || current.State != Open && !written {
			return apierror.New(apierror.NotFound, "This payment has no open discrepancy.")
		}
		if ignored = *current; written { // by an earlier try: the answer to its COMMIT was lost
			return nil
		}
		ignored.State, ignored.ClosedAt, ignored.CheckAt = Ignored, &now, nil
		return writeDecision(tx, ignored, Decision{ID: id, DiscrepancyID: ignored.ID, ImpUID: impUID, Kind: ignored.Kind, Ours: ignored.Ours,
			Theirs: ignored.Theirs, Reason: reason, Actor: actor, CreatedAt: now})
	})
	if err != nil {
		return Discrepancy{}, fmt.Errorf("ignore discrepancy of %q: %w", impUID, err)
	}
	return ignored, nil
}

func checkDecision(actor point.Actor, impUID, reason string) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	switch {
	case !actor.IsOperator():
		return apierror.New(apierror.Forbidden, "Only an operator decides about discrepancies.")
	case reason == "" || utf8.RuneCountInString(reason) > 200 || apierror.HasControl(reason):
		return apierror.New(apierror.InvalidArgument, "reason must be 1 to 200 printable characters.")
	case impUID != "":
		return apierror.CheckID("impUid", impUID)
	}
	return nil
}

func isDecided(tx *gorm.DB, id string) (bool, error) {
	var n int64
	err := tx.Raw("SELECT COUNT(*) FROM discrepancy_decisions WHERE id = ?", id).Scan(&n).Error
	return n > 0, err
}

func writeDecision(tx *gorm.DB, d Discrepancy, decision Decision) error {
	if err := tx.Create(&decision).Error; err != nil {
		return err
	}
	return database.ExactlyOne(tx.Exec("UPDATE discrepancies SET state = ?, closed_at = ?, check_at = NULL WHERE id = ? AND state = ?",
		d.State, d.ClosedAt, d.ID, Open))
}

// maxDecisions is the longest list of decisions.
const maxDecisions = 100

// Decisions returns the newest decisions about a payment's discrepancies, newest first, at most
// 100.
func (s *Service) Decisions(ctx context.Context, impUID string) ([]Decision, error) {
	return gorm.G[Decision](s.db).Where("imp_uid = ?", impUID).Order("id DESC").Limit(maxDecisions).Find(ctx)
}
