package docs
import ("testing";"fmt";"github.com/paysaga/paysaga/api/pages")
func TestZZ(t *testing.T){ s:=site(t); m:=map[string]int{}
s.each(t,func(t *testing.T,n string,l pages.Lang,c Code,p string){ if len(p)>m[n]{m[n]=len(p)}})
fmt.Println("SZ",m, len(files["docs.css"].Body)+len(files["docs.js"].Body))
for _,o:=range s.spec.tags[0].operations[:1]{ for _,c:=range Codes{ x,_:=o.request(DevURL).write(c); fmt.Println(x)}}
for _,id:=range []string{"createPayout","retryPurchase","startPaying"} { for _,g:=range s.spec.tags{for _,o:=range g.operations{ if o.ID==id { for _,c:=range Codes{ x,_:=o.request(DevURL).write(c); fmt.Println(x)}}}}}
}
