package pages

import "io"

// Deposits is the operators' page of deposits without an owner. It holds no data: its script asks
// the API with the key that the operator types.
type Deposits struct{ Reader }

var depositsPage = parse("deposits.html")

// Render writes the page.
func (v Deposits) Render(w io.Writer) error { return render(w, depositsPage, v.Lang, v) }

// For is the same page in the reader's language.
func (v Deposits) For(r Reader) View { v.Reader = r; return v }

// Path is the page's address.
func (v Deposits) Path() string { return "/ops/deposits" }
