package banksms

// Of these banks only sentences are known, each printing its own name.
var smallBanks = []template{sentence(Ayandeh), sentence(Day), sentence(IranZamin), sentence(Sina), sentence(Karafarin)}
