package domaintest

import "pointcharge/internal/point"

// Minji returns the buyer of most tests.
func Minji() point.Actor { return point.Actor{Kind: point.ActorUser, ID: "minji"} }

// Sora returns the operator.
func Sora() point.Actor { return point.Actor{Kind: point.ActorAdmin, ID: "sora"} }

// Webhook returns the gateway's notices as an actor.
func Webhook() point.Actor { return point.Actor{Kind: point.ActorGateway, ID: "webhook"} }
