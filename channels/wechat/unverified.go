package wechat

import "time"

// tokenEarly is how long before its end a token is replaced. Unverified: WeChat is
// said to let the old one live beside the new one for five minutes; its page of
// getAccessToken would verify it, and nothing breaks where that is not so.
const tokenEarly = 5 * time.Minute
