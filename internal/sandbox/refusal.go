package sandbox

// refusal is Iamport's reason for refusing a request, in its own words. The message becomes the
// envelope's message, or error_msg beside the code as error_code.
type refusal struct{ code, message string }

// Error returns the message.
func (r *refusal) Error() string { return r.message }

// Refusals of the REST interface, whose code is a number.
var (
	errPaymentNotFound = &refusal{message: "존재하지 않는 결제정보입니다."}
	errInvalidAmount   = &refusal{message: "금액이 올바르지 않습니다."}
)

// Refusals of a cancellation, which come with HTTP 200 (contract §1.6).
var (
	errNothingToCancel = &refusal{message: "취소할 결제건이 존재하지 않습니다."}
	errNotPaid         = &refusal{message: "결제완료 상태가 아니어서 취소할 수 없습니다."}
	errCancelledInFull = &refusal{message: "이미 전액취소된 주문입니다."}
	errChecksum        = &refusal{message: "결제취소에 실패하였습니다.(취소 가능 금액이 checksum과 일치하지 않습니다)"}
	errTooMuch         = &refusal{message: "결제취소에 실패하였습니다.(requested cancel amount is bigger than cancelable amount)"}
	errReasonMissing   = &refusal{message: "결제취소에 실패하였습니다.(네이버페이는 취소 사유가 필요합니다)"}
)

// Refusals around virtual accounts (contract §1.8).
var (
	errNoOpenAccount = &refusal{message: "입금대기 상태의 가상계좌가 아닙니다."}
	errWrongDeposit  = &refusal{message: "입금액이 가상계좌의 발급금액과 다릅니다."}
)

// Refusals before the window opens. Only F1002 is a code that Iamport is known to use (contract
// §1.2); the sandbox's own begin with SANDBOX_.
var (
	errAlreadyPaid = &refusal{"F1002", "이미 결제가 이루어진 거래건입니다."}
	errUserCode    = &refusal{"SANDBOX_USER_CODE", "가맹점 식별코드가 올바르지 않습니다. IMP.init을 확인하세요."}
	errMerchantUID = &refusal{"SANDBOX_MERCHANT_UID", "merchant_uid는 1자 이상 40자 이하여야 합니다."}
	errOrderAmount = &refusal{"SANDBOX_AMOUNT", "amount는 0보다 큰 숫자여야 합니다. 문자열은 사용할 수 없습니다."}
	errPrepared    = &refusal{"SANDBOX_PREPARE", "사전 등록된 결제금액과 일치하지 않습니다."}
	errRedirectURL = &refusal{"SANDBOX_REDIRECT_URL", "m_redirect_url은 http(s)로 시작하는 전체 주소여야 합니다."}
	errNoticeURL   = &refusal{"SANDBOX_NOTICE_URL", "notice_url은 http(s)로 시작하는 전체 주소여야 합니다."}
	errCustomerUID = &refusal{"SANDBOX_CUSTOMER_UID", "customer_uid는 80자 이하여야 합니다."}
	errPageOrigin  = &refusal{"SANDBOX_ORIGIN", "결제 페이지를 파일이 아니라 http(s) 주소로 여세요."}
)

// Refusals at the window. Iamport passes a provider's codes through verbatim, so no caller may
// branch on them; these are Toss Payments'.
var (
	errDeclined         = &refusal{"REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족으로 결제에 실패했습니다."}
	errClosed           = &refusal{"PAY_PROCESS_CANCELED", "사용자가 결제를 취소하였습니다."}
	errPaymentForgotten = &refusal{"SANDBOX_FORGOTTEN", "오래되어 지워진 결제입니다. 다시 시도하세요."}
)
