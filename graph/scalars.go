package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"pointcharge/internal/apierror"
)

// maxSafe is the largest whole number that every JSON reader keeps exactly: 2^53-1.
const maxSafe = 1<<53 - 1

// MarshalPoints writes points as a JSON number.
func MarshalPoints(points int64) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.FormatInt(points, 10)) })
}

// UnmarshalPoints reads a whole number from -(2^53-1) to 2^53-1.
func UnmarshalPoints(v any) (int64, error) { return parseWhole("Points", v, -maxSafe, maxSafe) }

// MarshalWon writes won as a JSON number.
func MarshalWon(won int64) graphql.Marshaler { return MarshalPoints(won) }

// UnmarshalWon reads a whole number from 0 to 2^53-1.
func UnmarshalWon(v any) (int64, error) { return parseWhole("Won", v, 0, maxSafe) }

// MarshalInt writes a JSON number.
func MarshalInt(i int) graphql.Marshaler { return graphql.MarshalInt(i) }

// UnmarshalInt reads GraphQL's Int, which has 32 bits. Unlike gqlgen's own it refuses with a code.
func UnmarshalInt(v any) (int, error) {
	i, err := parseWhole("Int", v, -1<<31, 1<<31-1)
	return int(i), err
}

// MarshalInt64 writes a JSON number.
func MarshalInt64(i int64) graphql.Marshaler { return graphql.MarshalInt64(i) }

// UnmarshalInt64 is UnmarshalInt for the domain's int64.
func UnmarshalInt64(v any) (int64, error) { return parseWhole("Int", v, -1<<31, 1<<31-1) }

// parseWhole reads a number from a variable (json.Number) or from the query (int64, int).
func parseWhole(scalar string, v any, low, high int64) (int64, error) {
	var i int64
	var err error
	switch v := v.(type) {
	case json.Number:
		i, err = strconv.ParseInt(string(v), 10, 64)
	case int64:
		i = v
	case int:
		i = int64(v)
	default:
		err = fmt.Errorf("%T is no number", v)
	}
	if err != nil || i < low || i > high {
		return 0, &apierror.Error{Code: apierror.InvalidArgument, Err: err,
			Message: fmt.Sprintf("%s must be a whole number from %d to %d.", scalar, low, high)}
	}
	return i, nil
}
