package point

import (
	"fmt"
	"strconv"
	"time"

	"pointcharge/internal/apierror"
)

// Lifetimes are the lives of points from their credit. Zero values mean the defaults.
type Lifetimes struct {
	Paid  Lifetime // five calendar years, as commercial claims do (상법 제64조)
	Bonus Lifetime // 365 days; also for points given by operators
	// Returned is the least life of points from a cancelled spend: 30 days. With the life of a lot
	// that ends sooner, or has ended, the cancellation would be worth nothing.
	Returned Lifetime
}

// Of returns the lifetime of points of a kind.
func (l Lifetimes) Of(kind LotKind) Lifetime {
	if kind == LotBonus {
		return l.Bonus.orElse(Days(365))
	}
	return l.Paid.orElse(Years(5))
}

func (l Lifetimes) ofReturned() Lifetime { return l.Returned.orElse(Days(30)) }

// Lifetime is a number of days or of calendar years. Days are 24 hours each and end to the
// microsecond. Years end as a legal period does (민법 제157조, 제159조): with the last day of the period,
// at midnight in Seoul.
type Lifetime struct {
	years, days int
}

// The longest lifetimes for a setting.
const (
	maxLifeYears = 100
	maxLifeDays  = 36500
)

// Years returns the lifetime of n calendar years in Seoul.
func Years(n int) Lifetime { return Lifetime{years: n} }

// Days returns the lifetime of n times 24 hours.
func Days(n int) Lifetime { return Lifetime{days: n} }

// ParseLifetime reads 5y (calendar years) and 365d (days). The error for other texts is
// InvalidArgument.
func ParseLifetime(text string) (Lifetime, error) {
	refused := apierror.Invalid("lifetime", "a lifetime is calendar years from 1y to %dy, or days from 1d to %dd.",
		maxLifeYears, maxLifeDays)
	if len(text) < 2 || text[0] < '0' || text[0] > '9' {
		return Lifetime{}, refused
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	unit := text[len(text)-1]
	switch {
	case err == nil && unit == 'y' && 1 <= n && n <= maxLifeYears:
		return Years(n), nil
	case err == nil && unit == 'd' && 1 <= n && n <= maxLifeDays:
		return Days(n), nil
	}
	return Lifetime{}, refused
}

// UnmarshalText is ParseLifetime for settings.
func (l *Lifetime) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLifetime(string(text))
	return err
}

// String returns a text for ParseLifetime.
func (l Lifetime) String() string {
	if l.years > 0 {
		return fmt.Sprintf("%dy", l.years)
	}
	return fmt.Sprintf("%dd", l.days)
}

// From returns the end of a life that begins at start, in UTC.
func (l Lifetime) From(start time.Time) time.Time {
	if l.years == 0 {
		return start.Add(time.Duration(l.days) * day).UTC()
	}
	// Seoul has had no summer time since 1988, and the machine may have no time zones.
	seoul := time.FixedZone("Asia/Seoul", 9*60*60)
	year, month, date := start.In(seoul).Date()
	return time.Date(year+l.years, month, date+1, 0, 0, 0, 0, seoul).UTC()
}

func (l Lifetime) orElse(fallback Lifetime) Lifetime {
	if l == (Lifetime{}) {
		return fallback
	}
	return l
}

const day = 24 * time.Hour
