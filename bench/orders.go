package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"pointcharge/internal/auth"
)

const (
	// maxPayments is how many the sandbox remembers.
	maxPayments = 100_000
	price       = 5000 // won, of the product without a bonus
)

// order is one payment's way through the benchmark.
type order struct{ merchantUID, impUID, userID string }

// side is the party that charges an order: the server or pgbench. A side's name is the prefix of
// the side's user names.
type side string

const (
	serverSide  side = "server"
	pgbenchSide side = "script"
)

// drawRandomUser draws a user at random, as customers come. Both sides draw the same users.
func (s side) drawRandomUser(draw *mathrand.Rand, users int) string {
	return fmt.Sprintf("%s-%06d", s, draw.IntN(users))
}

// The first numbers of pgbench's orders, chosen so that all numbers have the same count of digits.
const (
	firstOrder   = 1_000_000_000_000_000_000
	firstPayment = 1_000_000_000_000_000
)

// newOrders returns the orders of one round. offset is the number of orders in earlier rounds.
func (s *stage) newOrders(side side, offset, n int) []order {
	draw := mathrand.New(mathrand.NewPCG(uint64(offset), 0))
	orders := make([]order, n)
	for i := range orders {
		orders[i].userID = side.drawRandomUser(draw, s.users)
		switch side {
		case serverSide:
			orders[i].merchantUID, orders[i].impUID = rand.Text(), fmt.Sprintf("imp_%012d", offset+i)
		case pgbenchSide:
			// The script makes the imp_uid.
			orders[i].merchantUID = strconv.Itoa(firstOrder + offset + i)
		}
	}
	return orders
}

// insertOrders writes the orders as createChargeOrder does. Real calls would take longer than the
// whole measurement.
func (s *stage) insertOrders(ctx context.Context, orders []order) error {
	var merchantUIDs, userIDs []string
	for _, o := range orders {
		merchantUIDs, userIDs = append(merchantUIDs, o.merchantUID), append(userIDs, o.userID)
	}
	done, err := s.db.Exec(ctx, `
		INSERT INTO charge_orders (merchant_uid, user_id, product_id, name, price, points, bonus_points, currency,
			pay_method, status, expires_at, created_at)
		SELECT o.merchant_uid, o.user_id, p.id, p.name, p.price, p.points, p.bonus_points, 'KRW',
			'CARD', 'PENDING', now() + interval '1 hour', now()
		FROM unnest($1::text[], $2::text[]) o (merchant_uid, user_id), charge_products p
		WHERE p.price = $3 AND p.bonus_points = 0`, merchantUIDs, userIDs, price)
	if err == nil && done.RowsAffected() != int64(len(orders)) {
		err = errors.New("the sandbox's products have changed: there must be one at 5,000 won without a bonus")
	}
	return err
}

// payOrders makes a paid payment of every order at the sandbox, as full of facts as a card
// payment at Iamport.
func (s *stage) payOrders(ctx context.Context, orders []order) error {
	var exchanges []exchange
	for _, o := range orders {
		body, err := json.Marshal(map[string]any{
			"merchant_uid": o.merchantUID, "imp_uid": o.impUID, "amount": price, "name": "포인트 5,000",
			"pay_method": "card", "pg_provider": "html5_inicis", "pg_tid": "StdpayCARDINIpayTest20261122153949711532",
			"pg_id": "INIpayTest", "apply_num": "30012345", "card_code": "361", "card_name": "BC카드",
			"card_number": "541707******1234", "card_type": 0, "buyer_name": "김민지", "buyer_email": "minji@example.com",
			"buyer_tel": "010-1234-5678", "receipt_url": "https://iniweb.inicis.com/DefaultWebApp/mall/cr/cm/" + o.impUID,
		})
		if err != nil {
			return err
		}
		exchanges = append(exchanges, newPostExchange(s.sandbox.address, "/sandbox-payments", "", body, anyAnswer))
	}
	_, err := sendExchanges(ctx, s.sandbox.address, s.clients, exchanges)
	return err
}

func anyAnswer([]byte) error { return nil }

// mutation is the request of a shop's page after the payment window has closed.
const mutation = `mutation Charge($impUid: ID!) {
	createPointTransaction(impUid: $impUid) { id kind amount balanceAfter impUid createdAt }
}`

// chargeExchanges are the orders' mutations, each by the order's user.
func chargeExchanges(host string, orders []order) ([]exchange, error) {
	tokens := map[string]string{}
	exchanges := make([]exchange, len(orders))
	for i, o := range orders {
		token, err := signToken(o.userID, tokens)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(map[string]any{"query": mutation, "variables": map[string]string{"impUid": o.impUID}})
		if err != nil {
			return nil, err
		}
		exchanges[i] = newPostExchange(host, "/graphql", token, body, func(answer []byte) error { return isChargeOf(o, answer) })
	}
	return exchanges, nil
}

func signToken(userID string, known map[string]string) (string, error) {
	if token, ok := known[userID]; ok {
		return token, nil
	}
	who := auth.Identity{UserID: userID, Roles: []auth.Role{auth.RoleUser}, ExpiresAt: time.Now().Add(24 * time.Hour)}
	token, err := auth.Sign([]byte(authSecret), who, "", "")
	known[userID] = token
	return token, err
}

// isChargeOf checks for the order's CHARGE line in the answer.
func isChargeOf(o order, answer []byte) error {
	var got struct {
		Data struct {
			Line struct {
				Kind, ImpUID string
				Amount       int64
			} `json:"createPointTransaction"`
		}
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("%w: %s", err, answer)
	}
	if line := got.Data.Line; line.Kind != "CHARGE" || line.ImpUID != o.impUID || line.Amount != price {
		return fmt.Errorf("not the CHARGE line of %s: %s", o.impUID, answer)
	}
	return nil
}
