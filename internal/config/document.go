package config

import "strings"

//go:generate go run ./document

// topic is a group of settings in the documents: the settings from first on, in the order of
// Config.
type topic struct {
	first, title, when, koTitle, koWhen string
}

func documentTopics() []topic {
	return []topic{
		{"MODE", "Process", "Set these first: they decide whether the money is real, and where the server listens and stores.",
			"프로세스", "가장 먼저 정합니다. 실제 돈을 다루는지, 어디에서 열고 어디에 저장하는지를 결정합니다."},
		{"IAMPORT_URL", "Iamport", "Needed for live mode; the values are in the PortOne console.",
			"아임포트", "live 모드에 필요합니다. 값은 포트원 관리자 콘솔에 있습니다."},
		{"AUTH_HS256_SECRET", "Sign-in", "Needed for live mode, and when a login answers 401 or a role is not noticed.",
			"로그인", "live 모드에 필요하고, 401이 나오거나 역할이 인식되지 않을 때 확인합니다."},
		{"PUBLIC_URL", "Addresses and front ends", "Matter when people pay from another device, and when a page of another origin calls the API.",
			"주소와 프런트엔드", "다른 기기에서 결제하거나 다른 오리진의 페이지가 API를 호출할 때 중요합니다."},
		{"TRUSTED_PROXIES", "Proxies and rates", "Matter as soon as a proxy stands in front, and when callers get 429.",
			"프록시와 요청 제한", "앞에 프록시가 있거나 429가 나올 때 중요합니다."},
		{"LOG_FORMAT", "Logs and tools", "Matter for operation; the tools are for development.",
			"로그와 도구", "운영에 중요하며, 도구는 개발용입니다."},
		{"GRAPHQL_MAX_BODY", "GraphQL limits", "Matter when the API refuses a document of yours as too large or too costly.",
			"GraphQL 제한", "문서가 너무 크거나 비싸다고 거절될 때 중요합니다."},
		{"PAID_POINTS_LIFE", "Lifetime of points", "A change reaches new credits only.",
			"포인트 유효 기간", "변경은 새로 적립되는 포인트에만 적용됩니다."},
		{"SWEEP_EVERY", "Jobs and metrics", "Each job runs on one of all servers. The defaults suit nearly everyone.",
			"작업과 지표", "각 작업은 전체 서버 중 하나에서만 실행됩니다. 기본값이면 대부분 충분합니다."},
		{"STREAM_POLL", "Subscriptions", "Matter when thousands of people keep a page open.",
			"구독", "수천 명이 페이지를 열어 둘 때 중요합니다."},
	}
}

// Document returns docs/configuration.md: every setting, described from the struct tags.
func Document() string {
	return renderDocument("# Configuration\n\n"+
		"All settings are environment variables. An empty one counts as missing, and `pointcharge -h` prints this list.\n"+
		"This file is generated from the code: `go generate ./internal/config`.\n",
		"| Setting | Default | Meaning |", func(t topic) (string, string) { return t.title, t.when },
		func(v variable) (string, string) { return v.describeDefaults(), v.help })
}

// DocumentKorean is docs/configuration.ko.md.
func DocumentKorean() string {
	return renderDocument("# 설정\n\n"+
		"모든 설정은 환경 변수입니다. 빈 값은 없는 것과 같습니다. `pointcharge -h`로도 볼 수 있습니다.\n"+
		"이 파일은 코드에서 생성됩니다: `go generate ./internal/config`.\n",
		"| 설정 | 기본값 | 의미 |", func(t topic) (string, string) { return t.koTitle, t.koWhen },
		func(v variable) (string, string) { return koreanDefaults(v.describeDefaults()), v.ko })
}

func renderDocument(head, columns string, introduce func(topic) (title, when string), describe func(variable) (defaults, meaning string)) string {
	var b strings.Builder
	b.WriteString(head)
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, v := range listVariables() {
		for _, t := range documentTopics() {
			if t.first == v.name {
				title, when := introduce(t)
				b.WriteString("\n## " + title + "\n\n" + when + "\n\n" + columns + "\n|---|---|---|\n")
			}
		}
		defaults, meaning := describe(v)
		b.WriteString("| `" + v.name + "` | " + cell.Replace(defaults) + " | " + cell.Replace(meaning) + " |\n")
	}
	return b.String()
}

// koreanDefaults translates placeholders for a default; real values stay.
func koreanDefaults(defaults string) string {
	return strings.NewReplacer("required", "필수", "this or ", "또는 ", "unchecked", "확인하지 않음", "unset", "없음", "none", "없음",
		"everybody", "모두", "all ways to pay, by IAMPORT_CHANNEL_KEY", "모든 결제 수단, IAMPORT_CHANNEL_KEY로", "the sandbox inside the server", "서버 안의 샌드박스",
		"a development secret 모두 knows", "공개된 개발용 비밀값", "a development secret everybody knows", "공개된 개발용 비밀값").Replace(defaults)
}
