package point_test

import (
	"context"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/domaintest"
	"pointcharge/internal/point"
)

func TestLinesAfterAreInOrderAndTheUsersOwn(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		s := point.New(db)
		ctx := t.Context()
		for _, input := range []point.AdjustInput{
			{UserID: "minji", Amount: 1, Reference: "1"}, {UserID: "junho", Amount: 9, Reference: "1"},
			{UserID: "minji", Amount: 2, Reference: "2"}, {UserID: "minji", Amount: 3, Reference: "3"},
		} {
			input.Actor, input.Reason = domaintest.Sora(), "test"
			if _, err := s.Adjust(ctx, input); err != nil {
				t.Fatal(err)
			}
		}
		wantLines(ctx, t, s, 0, 2, 1, 2)
		wantLines(ctx, t, s, 1, 9, 2, 3)
		wantLines(ctx, t, s, 3, 9)
		newest, err := s.NewestSeqs(ctx, []string{"minji", "junho", "nobody"})
		if err != nil || len(newest) != 2 || newest["minji"] != 3 || newest["junho"] != 1 {
			t.Errorf("newest %v, %v", newest, err)
		}
	})
}

// wantLines fails unless minji's lines after seq have these amounts.
func wantLines(ctx context.Context, t *testing.T, s *point.Service, seq int64, limit int, amounts ...int64) {
	t.Helper()
	lines, err := s.LinesAfter(ctx, "minji", seq, limit)
	if err != nil || len(lines) != len(amounts) {
		t.Fatalf("after %d: %+v, %v", seq, lines, err)
	}
	for i, line := range lines {
		if line.UserID != "minji" || line.Amount != amounts[i] {
			t.Errorf("after %d: line %d is %+v", seq, i, line)
		}
	}
}

func TestWhoHasNoWalletIsFollowedFromTheBeginning(t *testing.T) {
	t.Parallel()
	s := point.New(databasetest.New(t, databasetest.SQLite))
	if from, newest, err := s.FollowFrom(t.Context(), "nobody", nil); err != nil || from != 0 || newest != 0 {
		t.Errorf("%d of %d, %v", from, newest, err)
	}
	for _, after := range []int{-1, 1} {
		if _, _, err := s.FollowFrom(t.Context(), "nobody", &after); apierror.CodeOf(err) != apierror.InvalidArgument {
			t.Errorf("after %d: %v", after, err)
		}
	}
}
