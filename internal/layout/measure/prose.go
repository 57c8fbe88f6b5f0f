package main

import (
	"slices"
	"strings"
	"unicode"
)

// pronounList returns the words that send a reader looking for a noun: personal, possessive,
// demonstrative, relative and indefinite pronouns. The words "that" and "which" always count, also
// where "that" is a conjunction: only a parser of English could tell. Words that are mostly
// determiners or numbers (one, all, each, both, other, such) do not count. The list yields 98 per
// 1,000 words for commit d561943, where an earlier count reported 99.
func pronounList() []string {
	return []string{
		"it", "its", "itself", "they", "them", "their", "theirs", "themselves", "he", "him", "his", "she", "her", "we", "us", "our", "ours",
		"this", "that", "these", "those", "which", "who", "whom", "whose", "what", "whoever", "whatever", "whichever",
		"somebody", "someone", "something", "nobody", "nothing", "none", "everybody", "everyone", "everything", "anybody", "anyone",
		"anything", "ones", "others",
	}
}

// splitProse splits a comment into lower-case words of letters.
func splitProse(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '_' })
}

func countPronouns(words []string) (found int) {
	list := pronounList()
	for _, word := range words {
		if slices.Contains(list, strings.TrimSuffix(word, "'s")) {
			found++
		}
	}
	return found
}

// splitName splits a name in camel case into words: lockOrder into two, refundID into two, readURLs
// into two.
func splitName(name string) (words []string) {
	runes := []rune(name)
	start := 0
	for i := 1; i < len(runes); i++ {
		upper := unicode.IsUpper(runes[i])
		beginsWord := upper && (!unicode.IsUpper(runes[i-1]) || (i+1 < len(runes) && unicode.IsLower(runes[i+1]) && !isPluralS(runes[i+1:])))
		if beginsWord {
			words = append(words, string(runes[start:i]))
			start = i
		}
	}
	return append(words, string(runes[start:]))
}

// isPluralS tells whether the rest of a name is the s of an initialism's plural.
func isPluralS(rest []rune) bool {
	return rest[0] == 's' && (len(rest) == 1 || unicode.IsUpper(rest[1]))
}
