package reconcile

import "time"

// Periods cuts a period as Reconcile does, into pairs of from and to.
func Periods(from, to, now time.Time) (cut [][2]time.Time) {
	for _, p := range splitPeriod(from, to, now) {
		cut = append(cut, [2]time.Time{p.from, p.to})
	}
	return cut
}

// The parts of statements that a test explains.
const (
	SelectDue         = selectDue
	IsCurrent         = isCurrent
	IsOnOperatorsList = isOnOperatorsList
)
