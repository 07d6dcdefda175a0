"""Words that generated documents are made of, by part of speech, the more common ones first."""

NOUNS = tuple(
    """time year day way thing world life hand part child eye place week case point company number group problem fact
    question night home water room area money story month lot study book job word business issue side kind head
    house service friend power hour game line end member law car city community name team minute idea body back
    parent face level office door health person art war history party result change morning reason research girl
    moment air teacher force education foot age policy process music market sense nation plan college interest
    death course experience effect use class control field development role effort rate heart drug show leader
    light voice wife police mind price report decision son view relationship town road arm difference value
    building action season society tax director position player record paper space ground form event official
    matter center couple site project activity star table need court oil situation cost industry figure street
    image phone data picture practice piece land product doctor wall patient worker news test movie north love
    support technology step baby computer type attention film tree source organization hair look window evidence
    river letter weather bridge harbour engine garden island kitchen ladder machine mirror mountain needle
    orchard pattern platform pocket quarter railway rainfall reservoir rhythm salary sample scaffold schedule
    shelter signal silence soil spectrum storage strategy surface survey symptom temple terrain texture theory
    threshold timber tissue tradition traffic transition treaty tunnel turbine valley vapour vehicle velocity
    vessel village volume voyage warehouse wavelength wheat wilderness witness workshop yield archive basin
    battery bearing boundary cabinet calendar canal carbon cargo catalogue ceiling census chamber chapter
    circuit clause climate coast column committee compound copper corridor creature criterion crystal current
    curtain customs dataset debt defect delegate density deposit device diagram discount district dividend
    doctrine duration earthquake economy electron embassy emission enzyme equation estimate estuary exhibit
    expedition fabric factory fibre filter flood forecast forest formula fossil foundation fraction fragment
    freight friction fuel fungus furnace gallery glacier grain gravity grid habitat harvest hypothesis incentive
    index infection inflation insect inspection instrument insurance interval invoice journal junction kernel
    laboratory lattice lawsuit layer ledger legend lens liability library licence limestone loan logic magnet
    manuscript margin membrane memory merchant metal migration mineral molecule monument mortgage motion murmur
    muscle nerve network nitrogen nozzle nucleus orbit ordinance outcome oxygen parameter parcel particle
    passage pension permit petition photograph pipeline plateau poem polymer population portrait precision
    predator premium pressure prism profile protein province quota radiation reactor rebellion receipt refinery
    regime residue resistance revenue ritual sediment segment sensor sequence sequel shareholder shoreline
    solvent species sponsor statute steam strait subsidy substrate surgeon syllable tariff telescope tenant
    tension textile thesis tide token transcript trench tribunal umbrella vaccine variance veteran virus
    vocabulary voltage wage warrant watershed zone""".split()
)

VERBS = tuple(
    """make take see come want use find give tell work call try ask need become leave put mean keep let begin help show
    hear play run move live believe bring happen write provide sit stand lose pay meet include continue set
    learn change lead understand watch follow stop create speak read allow add spend grow open walk win offer
    remember consider appear buy wait serve die send expect build stay fall cut reach kill remain suggest raise
    pass sell require report decide pull return explain hope develop carry break receive agree support hit
    produce eat cover catch draw choose cause point listen realise place close involve increase fix observe
    measure compare estimate describe reject confirm repair transport publish inherit negotiate replace absorb
    adjust approve assemble borrow calculate collapse collect combine compile concede conduct conserve construct
    consult contain convert cultivate damage declare decline defend delay deliver demand deposit derive detect
    deter dissolve distribute divide drain emerge emphasise encounter enforce evaluate evolve examine exceed
    exchange exclude exhaust expand exploit export extract finance forbid fulfil generate govern harvest
    hesitate ignore illustrate impose improve infer inhabit inspect install insulate interpret interrupt invest
    isolate launch limit locate maintain manage migrate modify monitor navigate neglect occupy omit operate
    oppose overlook permit persuade postpone predict preserve prevent proceed promote propose protest prove
    purchase pursue qualify quote reconcile record recover reduce refine refuse regulate release rely remove
    renew repeat represent rescue resemble resist resolve restore restrict reveal revise sample separate settle
    simulate sketch stabilise store strengthen submit subtract supervise supply surround survive suspend sustain
    tolerate trace translate transmit undergo unite update vanish verify withdraw witness""".split()
)

ADJECTIVES = tuple(
    """good new first last long great little own other old right big high different small large next early young
    important few public bad same able human local sure clear recent certain personal open red difficult
    available likely short single medical current wrong private past foreign fine common poor natural
    significant similar hot dead central happy serious ready simple left physical general environmental
    financial blue democratic dark various entire close legal religious cold final main green nice huge popular
    traditional cultural abrupt adjacent aerial ambiguous ancient annual arid artificial automatic bitter
    brittle calm capable careful cautious cheap chronic civil clumsy coarse coastal coherent compact complex
    concrete consistent continental cooperative corrosive costly crucial curious damp decisive dense diagonal
    digital distant domestic dormant double dry durable eastern efficient elastic electric elegant empirical
    empty endless equal essential excessive exotic expensive explicit external faint fertile finite flat
    flexible fluid formal fragile frequent fresh frozen genuine gradual granular hasty heavy hidden hollow
    honest horizontal hostile humid identical idle immune imperial implicit incomplete independent indirect
    industrial inner intact intense internal invisible irregular joint judicial lateral lenient linear liquid
    literal loyal lunar maritime mature medieval mild mobile moderate modest molecular municipal mutual narrow
    neutral nocturnal northern novel numerous obscure obsolete optical oral orderly organic outdated parallel
    partial passive patient periodic permanent plain polar precise primary prominent proper provincial quiet
    radical random rapid rare raw reliable remote residual rigid robust rough rural scarce secondary secret
    seismic sensitive shallow sharp silent smooth sober solar solid southern spare sparse stable statistical
    steady steep stiff strict subtle sudden suitable synthetic tacit technical temporary tender thermal thick
    tidal tiny tolerant toxic transparent tropical turbulent uneven uniform urban urgent vague valid variable
    vertical vigorous violent vivid volatile voluntary vulnerable warm weak western wild wooden worthy""".split()
)

ADVERBS = tuple(
    """also then just now here still even well only very soon often again never always later today almost already
    together perhaps quickly slowly finally usually recently actually certainly clearly directly especially
    eventually exactly generally gradually hardly initially largely mainly merely mostly nearly normally
    obviously occasionally partly possibly presumably primarily probably rarely roughly seldom severely
    similarly simply sometimes somewhat steadily strongly suddenly supposedly surely thoroughly typically
    unexpectedly widely""".split()
)

PREPOSITIONS = tuple(
    """of in to for with on at from by about into through after over between against during without before under around
    among near behind across beyond beside along above below despite toward upon within""".split()
)

CONNECTIVES = tuple(
    """However|Therefore|In the meantime|For this reason|By contrast|As a result|Even so|In addition|At first|Later on
    |On the other hand|For example|In particular|Above all|Strictly speaking|To a lesser degree|Not surprisingly
    |In practice|Seen from here|According to the records|Two years before|At the time of writing""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)

DETERMINERS = ("the", "the", "the", "the", "a", "a", "this", "each", "every", "some", "another", "its", "their", "our")

SYLLABLES = tuple(
    """ka lo mi ren tos vel dar sin qua bor eth ul fra ny gol mer phi zan ost wy ar bel cor dru el fen gar hol is jor
    kel lum mar nor om pra quin ros sel tam ur vin wex yar zel ån é ø ül ñe ça ško""".split()
)
"""Syllables from which names are coined, some with letters beyond ASCII, as real names have."""
