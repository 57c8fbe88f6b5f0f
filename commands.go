package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"gorm.io/gorm"

	"pointcharge/internal/auth"
	"pointcharge/internal/config"
	"pointcharge/internal/database"
	"pointcharge/internal/point"
)

// version is set by the linker, as in -ldflags "-X main.version=1.2.3".
var version string

// usageError is a mistake of whoever started the program: in its arguments or its environment.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// command is one thing that the program can do.
type command struct {
	name, args, help string
	run              func(context.Context, invocation) error
}

// invocation is what a command was started with.
type invocation struct {
	args   []string
	getenv func(string) string
	stdout io.Writer
	flags  *flag.FlagSet
}

func commands() []command {
	return []command{
		{"serve", "", "Run the server. This is also what happens without a command.\n\n" + config.Help(), runServe},
		{"migrate", "", "Bring the database's schema up to date, and nothing else. The server does so too when it starts.", runMigrate},
		{"sandbox", "[-addr A] [-webhook URL] [-form] [-faults F]", "Run the pretend Iamport alone, for front-end developers; with -faults, one that fails.", runSandbox},
		{"sync", "IMP_UID", "Look a payment up at Iamport and make our books agree with it.", runSync},
		{"sweep", "", "Look for payments that nobody told us about (누락 결제 보정), for orders whose time has come.", runSweep},
		{"problems", "[-json] [-of IMP_UID]", "List the payments that an operator has to look at (확인 필요 결제), or what was decided about one.", runProblems},
		{"resolve", "-refund|-accept|-ignore -reason R -by WHO IMP_UID", "Decide about a payment with a problem (처리). The decision is kept.", runResolve},
		{"audit", "[-metrics]", "Prove the books (대사): print every row that breaks an invariant, and exit with 1 if there is one.", runAudit},
		{"reconcile", "[-from T [-to T]] [-csv F] [-json F] [-list] [-open]", "Compare the books with Iamport's lists (대조) and heal what differs; exit with 1 if something differs still.", runReconcile},
		{"refunds", "[-release ID]", "Find out what became of the refunds under way (환불), and list those that still are.", runRefunds},
		{"expire", "", "Write the EXPIRE lines that are due (소멸). Expired points cannot be spent either way.", runExpire},
		{"token", "-user U [-role R] [-for D]", "Print a token signed with AUTH_HS256_SECRET (in sandbox mode, a development token).", runToken},
		{"health", "", "Ask the server at ADDR whether it is ready; exit with 1 when it is not. For container health checks.", runHealth},
		{"version", "", "Print the version.", runVersion},
	}
}

// run does what args say. It is the whole program, also for tests: ctx ends it, getenv is its environment.
// The error is a usageError when the fault lies in args or the environment.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	} else if len(args) > 0 && isHelp(args[0]) {
		return usage(stdout)
	}
	for _, c := range commands() {
		if c.name == name {
			return c.start(ctx, args, getenv, stdout)
		}
	}
	if name == "help" {
		return usage(stdout)
	}
	return usageError{fmt.Errorf("there is no command %q; try pointcharge -h", name)}
}

func (c command) start(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.Usage = func() {
		fmt.Fprintf(stdout, "Usage: pointcharge %s %s\n\n%s\n", c.name, c.args, c.help)
		flags.PrintDefaults()
	}
	err := c.run(ctx, invocation{args: args, getenv: getenv, stdout: stdout, flags: flags})
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func usage(stdout io.Writer) error {
	fmt.Fprint(stdout, "Usage: pointcharge [COMMAND] [-h]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(stdout, "  %-9s %-44s %s\n", c.name, c.args, firstLine(c.help))
	}
	_, err := fmt.Fprint(stdout, "\nSettings come from the environment; see pointcharge serve -h.\n")
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// configure reads the environment and the command's flags; it takes no arguments besides.
func (i invocation) configure(want int) (config.Config, error) {
	if err := i.parse(want); err != nil {
		return config.Config{}, err
	}
	cfg, err := config.Load(i.getenv)
	if err != nil {
		return config.Config{}, usageError{fmt.Errorf("the environment is not right:\n%w", err)}
	}
	return cfg, nil
}

// parse reads the flags and checks how many arguments follow them.
func (i invocation) parse(want int) error {
	if err := i.flags.Parse(i.args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return usageError{err}
	}
	if i.flags.NArg() != want {
		i.flags.Usage()
		return usageError{fmt.Errorf("%s takes %d arguments, not %d", i.flags.Name(), want, i.flags.NArg())}
	}
	return nil
}

func runServe(ctx context.Context, i invocation) error {
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, i.stdout)
}

// withDatabase opens the configured database for do, and closes it.
func withDatabase(ctx context.Context, cfg config.Config, w io.Writer, do func(*gorm.DB) error) error {
	db, err := openDatabase(ctx, cfg, newLog(cfg, w))
	if err != nil {
		return err
	}
	return errors.Join(do(db), database.Close(db))
}

// withService opens the configured database and Iamport for do, and closes them. It logs to the standard error: what a
// command prints may be read by programs.
func (i invocation) withService(ctx context.Context, cfg config.Config, do func(*point.Service) error) error {
	return withDatabase(ctx, cfg, os.Stderr, func(db *gorm.DB) error {
		points, hangUp := newService(cfg, db, newLog(cfg, os.Stderr))
		defer hangUp()
		return do(points)
	})
}

func runMigrate(ctx context.Context, i invocation) error {
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return withDatabase(ctx, cfg, i.stdout, func(*gorm.DB) error {
		_, err := fmt.Fprintf(i.stdout, "%s is up to date\n", cfg.DatabaseName())
		return err
	})
}

func runSync(ctx context.Context, i invocation) error {
	cfg, err := i.configure(1)
	if err != nil {
		return err
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		payment, err := points.Sync(ctx, i.flags.Arg(0))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(i.stdout, "payment %s of order %s: %s, %d %s, cancelled %d, problem %q\n", payment.ImpUID,
			payment.MerchantUID, payment.Status, payment.Amount, payment.Currency, payment.CancelledAmount, payment.Problem)
		return err
	})
}

func runToken(_ context.Context, i invocation) error {
	user := i.flags.String("user", "", "the user's id (the token's sub)")
	role := i.flags.String("role", string(auth.RoleUser), "user, service or admin")
	life := i.flags.Duration("for", 24*time.Hour, "how long it is valid")
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	token, err := newToken(cfg, *user, auth.Role(*role), *life)
	if err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprintln(i.stdout, token)
	return err
}

// newToken signs a token with the secret that the server verifies with.
func newToken(cfg config.Config, user string, role auth.Role, life time.Duration) (string, error) {
	if cfg.AuthHS256Secret.IsZero() {
		return "", errors.New("tokens are signed by whoever serves AUTH_JWKS_URL, not here")
	}
	if role != auth.RoleUser && role != auth.RoleService && role != auth.RoleAdmin {
		return "", fmt.Errorf("there is no role %q: user, service or admin", role)
	}
	who := auth.Identity{UserID: user, Roles: []auth.Role{role}, ExpiresAt: time.Now().Add(life)}
	return auth.Sign([]byte(cfg.AuthHS256Secret.Reveal()), who, cfg.AuthIssuer, cfg.AuthAudience)
}

func runHealth(ctx context.Context, i invocation) error {
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, localURL(cfg)+"/readyz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}

func runVersion(_ context.Context, i invocation) error {
	if err := i.parse(0); err != nil {
		return err
	}
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
	}
	_, err := fmt.Fprintln(i.stdout, "pointcharge", v)
	return err
}
