package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// stateEnd is a row of the table of all states in docs/operations.md: something that waits, and
// the test that shows that it ends, as package.Test.
type stateEnd struct{ thing, state, test string }

func stateEnds() []stateEnd {
	return []stateEnd{
		{"order", "PENDING", "charge.TestUnpaidOrdersExpireAndALatePaymentCounts"},
		{"order", "WAITING_DEPOSIT", "charge.TestAnOverdueOrderExpiresWithItsAccount"},
		{"order", "PAID", "charge.TestF31ASweepCreditsWhatNobodyToldUsOf"},
		{"order", "PARTIALLY_CANCELLED", "charge.TestD14APartialCancelTakesItsShareOfEachKind"},
		{"order", "CANCELLED", "charge.TestF16AFullConsoleCancelTakesEverythingBack"},
		{"order", "EXPIRED", "charge.TestAnOrderIsGivenUpOnlyAfterALookThatSucceeded"},
		{"payment", "ready", "charge.TestF28ASweepCreditsThePaidAttemptNotTheNewest"},
		{"payment", "failed", "charge.TestAnAccountThatFailedIsNotWaitedFor"},
		{"payment", "paid", "reconcile.TestReconcileCreditsWhatNobodyToldUsOf"},
		{"payment", "cancelled", "reconcile.TestReconcileClawsBackWhatNobodyToldUsOf"},
		{"refund", "HELD", "charge.TestD3AnOperatorReleasesARefundWithoutTheGateway"},
		{"refund", "ACCEPTED", "e2e.TestOperatorReleasesARefundWithoutIamport"},
		{"refund", "DONE", "charge.TestRefundGivesMoneyAndPointsBack"},
		{"refund", "RELEASED", "charge.TestARefundThatIsReleasedAndHappensAllTheSame"},
		{"problem", "SANDBOX", "charge.TestD2AttemptsOfTheOtherModeAreCountedAndBounded"},
		{"problem", "UNKNOWN_ORDER", "charge.TestAStrayPaymentIsAcceptedForWhomTheOperatorNames"},
		{"problem", "KEY_ISSUING", "charge.TestD0AKeyIssuingPaymentIsDecidedByAnOperator"},
		{"problem", "CURRENCY", "charge.TestProblemsListsWhatWasNotCredited"},
		{"problem", "AMOUNT", "e2e.TestOperatorDecidesAboutManyProblemsWithoutIamport"},
		{"problem", "DISCOUNT", "charge.TestS3ADiscountIsCreditedOnceTheShopAcceptsIt"},
		{"problem", "ESCROW", "charge.TestD0WhatSaysPaidWithoutTheOrdersMoneyIsNeverCredited"},
		{"problem", "ORDER_ALREADY_PAID", "charge.TestASecondPaymentForAnOrderCanBeAccepted"},
		{"problem", "ORDER_CLOSED", "charge.TestD4APaymentForAClosedOrderIsAProblemAndCanBeDecided"},
		{"problem", "LATE", "charge.TestD4APaymentOfAnOldOrderIsLate"},
		{"problem", "CANCELLED_AMOUNT", "charge.TestAHistoryThatIsCompletedIsNotTheRefund"},
		{"problem", "DEPOSIT", "charge.TestADepositAfterTheDecisionIsANewQuestion"},
		{"problem", "ANOTHER_USER", "charge.TestAnothersClaimIsNotAcceptedButSynced"},
		{"problem", "ACCEPTED", "charge.TestAnAcceptedPaymentGivesPointsOnceAndIsNeverCreditedBesides"},
		{"problem", "ACCEPTED_CANCELLED", "charge.TestAnAcceptedPaymentThatIsCancelledIsListedAgain"},
		{"problem", "MISSING_AT_GATEWAY", "reconcile.TestD1AMissingMarkIsUndoneWhenThePaymentIsThere"},
		{"problem", "UNREADABLE", "charge.TestD8AnUnreadablePaymentCanBeDecided"},
		{"discrepancy", "OPEN", "e2e.TestOperatorIgnoresADiscrepancyWithoutIamport"},
		{"discrepancy", "REPAIRED", "reconcile.TestD11OldRunsAndRepairedDiscrepanciesAreDeleted"},
		{"discrepancy", "IGNORED", "reconcile.TestD11AnOperatorIgnoresADiscrepancyUntilItDiffersInAnotherWay"},
		{"job", "waiting", "schedule.TestAJobRunsAtOnceAndThenAtItsInterval"},
		{"job", "running", "schedule.TestAJobWhoseServerDiedIsDueAgain"},
		{"job", "failed", "schedule.TestFailuresAndPanicsAreContainedAndShown"},
		{"points", "held", "charge.TestHeldPointsExpireOnlyWhenTheRefundIsOver"},
		{"points", "due", "e2e.TestOperatorExpiresALargeShareAndUndoesIt"},
		{"points", "expired", "point.TestD5AnExpiryIsUndoneAsWhatItWas"},
		{"points", "debt", "charge.TestF33SpentPointsBecomeDebtThatTheNextChargeRepays"},
		{"points", "adjusted", "point.TestD13WhatAnAdjustmentGaveIsTaken"},
		{"points", "refunded elsewhere", "e2e.TestOperatorCorrectsPointsByHand"},
		{"database", "another account", "e2e.TestOperatorChangesTheAccount"},
	}
}

// stateRow matches a row of the table: what, state, what ends it, without Iamport, the operator.
var stateRow = regexp.MustCompile("(?m)^\\| (\\S+) \\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")

func readStateRows(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return stateRow.FindAllStringSubmatch(string(text), -1)
}

func TestEveryStateHasARowInTheDocument(t *testing.T) {
	t.Parallel()
	english, korean := readStateRows(t, "docs/operations.md"), readStateRows(t, "docs/operations.ko.md")
	if n := len(stateEnds()); len(english) != n || len(korean) != n {
		t.Fatalf("%d rows are tested; the English document has %d, the Korean one %d", n, len(english), len(korean))
	}
	for i, want := range stateEnds() {
		if english[i][1] != want.thing || english[i][2] != want.state || korean[i][2] != want.state {
			t.Errorf("row %d is %q and %q, want %s %s", i, english[i][0], korean[i][0], want.thing, want.state)
		}
		if e, k := commandsIn(english[i][5]), commandsIn(korean[i][5]); !slices.Equal(e, k) {
			t.Errorf("%s %s: the operator has %q in English, %q in Korean", want.thing, want.state, e, k)
		}
	}
}

func commandsIn(cell string) []string { return regexp.MustCompile("`[^`]+`").FindAllString(cell, -1) }

func TestEveryStateHasATestThatEndsIt(t *testing.T) {
	t.Parallel()
	for _, row := range stateEnds() {
		room, name, _ := strings.Cut(row.test, ".")
		if !slices.Contains(testsOf(t, filepath.Join("..", room)), name) {
			t.Errorf("%s %s: there is no test %s", row.thing, row.state, row.test)
		}
	}
}

// testsOf returns the names of the tests in a folder.
func testsOf(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		for _, declaration := range parse(t, path).Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestEveryStateOfTheDomainIsInTheTable compares the table with the constants of the domain's
// types.
func TestEveryStateOfTheDomainIsInTheTable(t *testing.T) {
	t.Parallel()
	for thing, source := range map[string]struct{ path, typeName string }{
		"order":       {"../charge/order.go", "OrderStatus"},
		"payment":     {"../charge/payment.go", "PaymentStatus"},
		"problem":     {"../charge/payment.go", "Problem"},
		"refund":      {"../charge/refund.go", "RefundStatus"},
		"discrepancy": {"../reconcile/discrepancy.go", "DiscrepancyState"},
	} {
		var rows []string
		for _, row := range stateEnds() {
			if row.thing == thing {
				rows = append(rows, row.state)
			}
		}
		states := constantsOf(t, source.path, source.typeName)
		slices.Sort(rows)
		if slices.Sort(states); !slices.Equal(states, rows) {
			t.Errorf("%s: the domain has %q, the table %q", thing, states, rows)
		}
	}
}

// constantsOf returns the values of the text constants of a type, but for the empty one.
func constantsOf(t *testing.T, path, typeName string) (values []string) {
	t.Helper()
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, named := spec.Type.(*ast.Ident)
		literal, isText := spec.Values[0].(*ast.BasicLit)
		if !named || kind.Name != typeName || !isText {
			return true
		}
		if value, err := strconv.Unquote(literal.Value); err == nil && value != "" {
			values = append(values, value)
		}
		return true
	})
	return values
}
