package cli

import (
	"flag"

	"pointcharge/internal/config"
)

// command is one command of the program.
type command struct {
	name, args, help string
	needs            needs
	operands         int // how many arguments follow the flags
	setUp            func(*flag.FlagSet) task
}

// allCommands returns all commands. Only serve and migrate migrate the database; the others refuse
// a database of another version.
func allCommands() []command {
	return []command{
		{"serve", "", "Run the server. This is also what happens without a command.\n\n" + config.Help(),
			configuration, 0, setUpServe},
		{"migrate", "", "Bring the database's schema up to date, and nothing else. The server does so too when it starts.",
			configuration, 0, withoutFlags(runMigrate)},
		{"sandbox", "[-addr A] [-webhook URL] [-form] [-faults F]",
			"Run the pretend Iamport alone, for front-end developers; with -faults, one that fails.",
			nothing, 0, setUpSandbox},
		{"sync", "IMP_UID", "Look a payment up at Iamport and make our books agree with it.",
			service, 1, withoutFlags(runSync)},
		{"sweep", "", "Look for payments that nobody told us about (누락 결제 보정), for orders whose time has come.",
			service, 0, withoutFlags(runSweep)},
		{"problems", "[-json] [-of IMP_UID]",
			"List the payments that an operator has to look at (확인 필요 결제), or what was decided about one.",
			service, 0, setUpProblems},
		{"resolve", "-refund|-accept|-ignore -reason R [-by WHO] IMP_UID|-problem KIND",
			"Decide about a payment with a problem (처리), or about all that have one. The decision is kept.",
			service, 1, setUpResolve},
		{"audit", "[-metrics]", "Prove the books (대사): print every row that breaks an invariant, and exit with 1 if there is one.",
			books, 0, setUpAudit},
		{"reconcile", "[-from T [-to T]] [-csv F] [-json F] | -list | -open | -ignore IMP_UID -reason R",
			"Compare the books with Iamport's lists (대조) and heal what differs; exit with 1 if something differs still.",
			service, 0, setUpReconcile},
		{"refunds", "[-release ID [-force] -reason R | -book ID -amount WON -reason R | -of ID]",
			"Find out what became of the refunds under way (환불) and list those that still are, or end one by your word.",
			service, 0, setUpRefunds},
		{"orders", "-close PRODUCT_ID -reason R",
			"Close the unpaid orders of a product that was offered by mistake (주문 마감).", service, 0, setUpOrders},
		{"points", "-clawback USER -amount N -reference R -reason R | -reverse LINE_ID -reason R",
			"Take points back for money that went back outside of Iamport (수기 회수), or reverse an adjustment (조정취소).",
			service, 0, setUpPoints},
		{"expire", "[-large | -undo LINE_ID -reason R | -undo-since T -reason R]",
			"Write the EXPIRE lines that are due (소멸), or undo some (소멸취소). Expired points cannot be spent either way.",
			service, 0, setUpExpire},
		{"account", "[-change -reason R]",
			"Print which account of Iamport the database serves and which one is configured, or change the former to the latter.",
			configuration, 0, setUpAccount},
		{"token", "-user U [-role R] [-for D]",
			"Print a token signed with AUTH_HS256_SECRET (in sandbox mode, a development token).",
			configuration, 0, setUpToken},
		{"health", "", "Ask the server at ADDR whether it is ready; exit with 1 when it is not. For container health checks.",
			configuration, 0, withoutFlags(runHealth)},
		{"doctor", "[-json] [-token T]",
			"Check the settings, the database and its account, Iamport's keys, the channels, the public address and a token.",
			configuration, 0, setUpDoctor},
		{"version", "", "Print the version.", nothing, 0, withoutFlags(runVersion)},
	}
}
