package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// watchOneCharge makes one charge on a server whose statements PostgreSQL logs, and prepares a
// pgbench with the same statements. An error names the drift between the script and the server.
func (s *stage) watchOneCharge(ctx context.Context) (*pgbench, error) {
	path, err := s.pgbenchPath(ctx)
	if err != nil {
		return nil, err
	}
	watchedOrder := order{merchantUID: "WATCHED", impUID: "imp_watched", userID: "watched"}
	sent, err := s.statementsOf(ctx, watchedOrder)
	if err != nil {
		return nil, err
	}
	if err := checkDrift(sent, scriptStatements(script)); err != nil {
		return nil, err
	}
	p := &pgbench{path: path, script: filepath.Join(s.dir, "charge.sql"), socket: s.postgres, clients: s.clients}
	if err := os.WriteFile(p.script, []byte(script), 0o600); err != nil {
		return nil, err
	}
	p.facts, err = s.factsOf(ctx, watchedOrder)
	return p, err
}

// statementsOf returns the statements with which a server charges the order.
func (s *stage) statementsOf(ctx context.Context, o order) ([]string, error) {
	server, err := s.startServer(ctx, withStatementLog(s.url))
	if err != nil {
		return nil, err
	}
	defer server.stop()
	if err := s.openAndPayOrders(ctx, []order{o}); err != nil {
		return nil, err
	}
	exchanges, err := chargeExchanges(server.address, []order{o})
	if err != nil {
		return nil, err
	}
	log, err := openLog(s.postgres)
	if err != nil {
		return nil, err
	}
	if _, err := sendExchanges(ctx, server.address, 1, exchanges); err != nil {
		return nil, err
	}
	return log.readStatements()
}

// factsOf returns the values that the order's charge wrote, by table_column. Empty values are left
// out, because pgbench takes none.
func (s *stage) factsOf(ctx context.Context, o order) (map[string]string, error) {
	rows, err := s.db.Query(ctx, `
		SELECT 'charge_orders_' || key, value FROM charge_orders t, jsonb_each_text(to_jsonb(t)) WHERE imp_uid = $1
		UNION ALL
		SELECT 'payments_' || key, value FROM payments t, jsonb_each_text(to_jsonb(t)) WHERE imp_uid = $1
		UNION ALL
		SELECT 'point_transactions_' || key, value FROM point_transactions t, jsonb_each_text(to_jsonb(t)) WHERE imp_uid = $1
		UNION ALL
		SELECT 'point_lots_' || key, value FROM point_lots t, jsonb_each_text(to_jsonb(t)) WHERE user_id = $2`,
		o.impUID, o.userID)
	if err != nil {
		return nil, err
	}
	facts := map[string]string{}
	var name string
	var value *string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		if value != nil && *value != "" {
			facts[name] = *value
		}
		return nil
	})
	return facts, err
}
