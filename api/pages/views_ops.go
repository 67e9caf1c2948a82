package pages

import "io"

// Deposits is the operators' page of deposits without an owner. It holds no data: its script asks
// the API with the key that the operator types. It is in English, as everything for operators.
type Deposits struct{}

var depositsPage = parse("deposits.html")

// Render writes the page.
func (v Deposits) Render(w io.Writer) error { return render(w, depositsPage, English, v) }
