package database

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Errors of a start leave out the address. A password with an unescaped character moves the borders
// between the address's parts, so any part may hold half of the password.

const escapeHint = "; if the user name or the password has characters such as @ : / ? # or %, " +
	"write them percent-encoded (@ is %40, / is %2F)"

// describeParseError explains why pgx cannot read the address, without quoting the address except
// for the name of a certificate file.
func describeParseError(address string, err error) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot read %s: %w", describeFile(address, file.Path), file.Err)
	}
	if parameter, path := unusableCertificate(address, err); path != "" {
		return fmt.Errorf("%s (%s of DATABASE_URL) holds no usable certificate or key in PEM format", path, parameter)
	}
	return errors.New("the PostgreSQL address cannot be read; expected postgres://user:password@host:5432/name" + escapeHint)
}

// describeFile names a file and the parameter with the file's path.
func describeFile(address, path string) string {
	for _, name := range []string{"sslrootcert", "sslcert", "sslkey"} {
		if parameterOf(address, name) == path {
			return fmt.Sprintf("%s (%s of DATABASE_URL)", path, name)
		}
	}
	if strings.Contains(address, "@"+path) || looksMistyped(address) {
		return "a file that DATABASE_URL names" + escapeHint
	}
	return path
}

// unusableCertificate returns the parameter of a certificate file that pgx could read but not
// decode.
func unusableCertificate(address string, err error) (parameter, path string) {
	text := err.Error()
	for phrase, name := range map[string]string{
		"unable to add CA to cert pool": "sslrootcert", "failed to decode sslkey": "sslkey", "unable to load cert": "sslcert",
	} {
		if strings.Contains(text, phrase) {
			return name, parameterOf(address, name)
		}
	}
	return "", ""
}

func parameterOf(address, name string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Query().Get(name)
}

// describeConnectError says why the first connection failed, in words without any of address.
func describeConnectError(address string, err error) error {
	hint := ""
	if looksMistyped(address) {
		hint = escapeHint
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		if refused.Code == "28P01" || refused.Code == "28000" {
			hint = escapeHint
		}
		return fmt.Errorf("%s (SQLSTATE %s)%s", describeRefusal(refused.Code), refused.Code, hint)
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return errors.New("cannot connect to PostgreSQL: " + describeNetworkError(err) + hint)
}

func describeRefusal(code string) string {
	switch code {
	case "28P01", "28000":
		return "PostgreSQL refused the user name or the password"
	case "3D000":
		return "PostgreSQL has no database of the name in DATABASE_URL"
	case "53300":
		return "PostgreSQL has no connection left"
	case "57P03":
		return "PostgreSQL is starting up or shutting down"
	case "08P01", "42704", "22023":
		return "PostgreSQL, or the pooler in front of it, refused the login or a parameter of DATABASE_URL or PGOPTIONS"
	default:
		return "PostgreSQL refused the connection"
	}
}

func describeNetworkError(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the host name cannot be resolved"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the server's certificate is for another host name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the server's certificate is signed by an unknown authority; name it with sslrootcert"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return invalid.Error()
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if strings.Contains(err.Error(), "refused TLS") {
		return "the server does not speak TLS; see sslmode"
	}
	if strings.Contains(err.Error(), "read only connection") {
		return "no server that DATABASE_URL names can be written to"
	}
	return "the connection broke off"
}

// looksMistyped reports whether an unescaped character may have moved the borders of the parts.
func looksMistyped(address string) bool {
	_, rest, _ := strings.Cut(address, "://")
	userAndHost := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		userAndHost = rest[:end]
	}
	parsed, err := url.Parse(address)
	return err != nil || strings.Count(rest, "@") > 1 || strings.Contains(rest, "@") && !strings.Contains(userAndHost, "@") ||
		parsed.Fragment != ""
}
