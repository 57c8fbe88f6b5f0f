package reconcile

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"pointcharge/internal/database"
)

const (
	// maxDeleted is how many rows of each table are deleted after a run.
	maxDeleted = 1000
	// keptRuns is how many of the newest runs are kept at any age: a clock running ahead must not
	// delete the watermark of the next runs.
	keptRuns = 100
)

// deleteOld deletes runs and repaired discrepancies older than the retention, some after each run.
// The runs with the watermarks of the next runs are kept.
func (s *Service) deleteOld(ctx context.Context) error {
	now := s.points.CurrentTime()
	before := now.Add(-s.Reconciling.retentionOrDefault())
	last, err := s.readLastRun(ctx, now)
	if err != nil {
		return err
	}
	lastLong, err := s.readLastRun(ctx, now.Add(-s.Reconciling.lookBackOrDefault()))
	if err != nil {
		return err
	}
	err = database.Transact(ctx, s.db, func(tx *gorm.DB) error {
		err := tx.Exec(`DELETE FROM reconciliations WHERE id IN (SELECT id FROM reconciliations WHERE started_at < ? AND id NOT IN (?, ?)
			AND id < (SELECT id FROM reconciliations ORDER BY id DESC LIMIT 1 OFFSET ?) ORDER BY id LIMIT ?)`,
			before, last.ID, lastLong.ID, keptRuns, maxDeleted).Error
		if err != nil {
			return err
		}
		return tx.Exec(`DELETE FROM discrepancies WHERE id IN (SELECT id FROM discrepancies WHERE state = 'REPAIRED' AND closed_at < ?
			ORDER BY closed_at LIMIT ?)`, before, maxDeleted).Error
	})
	if err != nil {
		return fmt.Errorf("delete old reconciliations: %w", err)
	}
	return nil
}
