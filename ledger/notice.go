package ledger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// DefaultLanguage is the language of notices unless somebody says another.
const DefaultLanguage = "en"

// notices are what a device shows where a channel can only overwrite, by
// language (BCP 47). English is the wording of mPaaS
// (https://help.aliyun.com/en/document_detail/260264.html, checked 2026-11-20).
func notices() []struct{ language, text string } {
	return []struct{ language, text string }{
		{DefaultLanguage, "Message revoked"},
		{"zh-Hans", "消息已撤回"},
		{"zh-Hant", "訊息已收回"},
		{"ja", "メッセージは取り消されました"},
		{"ko", "메시지가 회수되었습니다"},
	}
}

// Languages lists the languages there is a notice in.
func Languages() []string {
	var list []string
	for _, n := range notices() {
		list = append(list, n.language)
	}
	return list
}

// Notice returns the notice in a language; "" is the default language.
func Notice(language string) string {
	if language == "" {
		language = DefaultLanguage
	}
	for _, n := range notices() {
		if n.language == language {
			return n.text
		}
	}
	return ""
}

// CheckLanguage reports a language there is no notice in.
func CheckLanguage(field, language string) error {
	if language == "" || slices.Contains(Languages(), language) {
		return nil
	}
	return &events.FieldError{Field: field, Reason: fmt.Sprintf("%.40q is none of %s; give the text itself as notice", language, strings.Join(Languages(), ", "))}
}
