package wechat

// deletion is the body of the call. ArticleIndex 0 deletes all articles of the
// message.
type deletion struct {
	Message      int64 `json:"msg_id"`
	ArticleIndex int   `json:"article_idx"`
}

// answer is what every call answers, with HTTP status 200.
type answer struct {
	// Code is nil where something else than WeChat answered, and in the answer that
	// gives an access token.
	Code *int `json:"errcode"`
	// Token and Expires, in seconds, are those of an access token.
	Token   string `json:"access_token"`
	Expires int64  `json:"expires_in"`
}
