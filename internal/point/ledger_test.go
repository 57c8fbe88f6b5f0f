package point_test

import (
	"pointcharge/internal/point"
)

// wantUses fails unless the line touched lots of those kinds by those amounts, in that order of
// amounts.
func (w *world) wantUses(line point.Transaction, want map[string]int64) {
	w.Helper()
	var uses []point.LotUse
	w.Must(w.DB.Where("transaction_id = ?", line.ID).Find(&uses).Error)
	got := map[string]int64{}
	for _, use := range uses {
		got[use.LotID+" "+string(use.Reason)] += use.Amount
	}
	if len(got) != len(want) {
		w.Fatalf("the line touched %v, want %v", got, want)
	}
	for key, amount := range want {
		if got[key] != amount {
			w.Fatalf("the line touched %v, want %v", got, want)
		}
	}
}
