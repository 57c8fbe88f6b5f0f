package config

import (
	"errors"
	"regexp"
)

// Life is how long points live: calendar years as 5y, or days as 365d. The ledger reads the text.
type Life string

// UnmarshalText accepts years from 1y to 100y and days from 1d to 36500d.
func (l *Life) UnmarshalText(text []byte) error {
	if !regexp.MustCompile(`^([1-9][0-9]?y|100y|[1-9][0-9]{0,3}d|[12][0-9]{4}d|3[0-5][0-9]{3}d|36[0-4][0-9]{2}d|36500d)$`).Match(text) {
		return errors.New("it must be years from 1y to 100y, or days from 1d to 36500d")
	}
	*l = Life(text)
	return nil
}
