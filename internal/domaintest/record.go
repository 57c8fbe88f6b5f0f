package domaintest

import (
	"context"
	"strings"
	"time"

	gormlogger "gorm.io/gorm/logger"
)

// statementRecorder is a GORM logger that keeps the SELECT statements, with their parameters in
// place.
type statementRecorder struct {
	gormlogger.Interface

	statements []string
}

// LogMode keeps the recorder.
func (r *statementRecorder) LogMode(gormlogger.LogLevel) gormlogger.Interface { return r }

// Trace keeps a statement that only reads.
func (r *statementRecorder) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	sql, _ := statement()
	if strings.HasPrefix(strings.TrimSpace(strings.ToUpper(sql)), "SELECT") {
		r.statements = append(r.statements, sql)
	}
}
