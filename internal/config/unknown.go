package config

import (
	"slices"
	"strings"
)

// Unknown returns the variables in environ ("NAME=value") that resemble a setting of this server
// without being one: otherwise a misspelt variable would be ignored in silence. The mistakes are
// warnings, as another program in the same environment may read the variable.
func Unknown(environ []string) []Mistake {
	var names []string
	for _, v := range listVariables() {
		names = append(names, v.name)
	}
	var out Errors
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(names, name) {
			continue
		}
		if similar := mostSimilar(name, names); similar != "" {
			out.addMistake(name, "is no setting and is ignored; did you mean %s?", similar)
		} else if hasOurPrefix(name) {
			out.addMistake(name, "is no setting and is ignored")
		}
	}
	return out
}

func hasOurPrefix(name string) bool {
	return slices.ContainsFunc([]string{"IAMPORT_", "GRAPHQL_", "SANDBOX_", "RATE_LIMIT_"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// mostSimilar returns the setting whose name is at most two letters away, and less than a quarter
// of the name's letters.
func mostSimilar(name string, names []string) string {
	best, distance := "", 3
	for _, candidate := range names {
		d := editDistance(strings.ToUpper(name), candidate)
		if d < distance && d*4 < len(candidate) {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance counts the letters to insert, remove or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
