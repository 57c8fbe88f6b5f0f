package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// maxWidth is the widest allowed comment line, in columns.
const maxWidth = 100

// printTable writes the figures as a table.
func (m *measures) printTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintf(t, "functions, lines: half, nine in ten, longest\t%s\n", formatQuantiles(m.functions))
	fmt.Fprintf(t, "functions of tests, lines\t%s\n", formatQuantiles(m.testFunctions))
	one, words := 0, 0
	for _, name := range m.names {
		n := len(splitName(name))
		words += n
		if n == 1 {
			one++
		}
	}
	fmt.Fprintf(t, "unexported functions and methods with a one-word name\t%d of %d, %d %%\n", one, len(m.names), roundedPercent(one, len(m.names)))
	fmt.Fprintf(t, "words per such name\t%s\n", formatTenths(words, len(m.names)))
	fmt.Fprintf(t, "words of comments, pronouns per 1,000\t%d, %d\n", m.words, 1000*m.pronouns/max(1, m.words))
	fmt.Fprintf(t, "comment lines, columns: half, nine in ten, widest\t%s\n", formatQuantiles(m.widths))
	wide := 0
	for _, width := range m.widths {
		if width > maxWidth {
			wide++
		}
	}
	fmt.Fprintf(t, "comment lines wider than %d columns\t%d of %d\n", maxWidth, wide, len(m.widths))
	printLargest(t, "file, lines", m.files)
	printLargest(t, "package without tests, lines", m.packages)
	printLargest(t, "README, bytes", m.readmes)
}

// printLargest writes the five largest entries.
func printLargest(w io.Writer, title string, sizes map[string]int) {
	names := slices.SortedFunc(maps.Keys(sizes), func(a, b string) int {
		return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(a, b))
	})
	for _, name := range names[:min(5, len(names))] {
		fmt.Fprintf(w, "%s\t%d  %s\n", title, sizes[name], name)
	}
}

// formatQuantiles returns the median, the 90th percentile and the largest value.
func formatQuantiles(values []int) string {
	if len(values) == 0 {
		return "-"
	}
	values = slices.Sorted(slices.Values(values))
	return fmt.Sprintf("%d, %d, %d", values[(len(values)-1)/2], values[(len(values)*9+9)/10-1], values[len(values)-1])
}

func roundedPercent(part, whole int) int { return (200*part + whole) / max(1, 2*whole) }

// formatTenths returns a ratio with one digit after the point.
func formatTenths(a, b int) string {
	n := (20*a + b) / max(1, 2*b)
	return fmt.Sprintf("%d.%d", n/10, n%10)
}
