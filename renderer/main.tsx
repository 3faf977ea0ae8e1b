import './theme/layers.css'
import '@fontsource-variable/inter/wght.css'
import './theme/tokens.css'
import './theme/mantine.css'
import './theme/base.css'
import { createRoot } from 'react-dom/client'
import { connectApi } from './api/connect.ts'
import { parseRoute } from './components/route.ts'
import { loadAhead } from './shell/screens.ts'
import { storedLanguage } from './strings/language.ts'
import { chooseLanguage } from './strings/strings.ts'
import { currentScheme } from './theme/scheme.ts'

document.documentElement.dataset.mantineColorScheme = currentScheme()
const root = createRoot(document.getElementById('root')!)
const connected = connectApi()
// Words are drawn once, in the letters they stay in; without them, in the system’s.
const letters = document.fonts.load('13px "Inter Variable"').catch(() => undefined)
// Words are read when the modules of the window are loaded: the language comes first.
await chooseLanguage(storedLanguage())
loadAhead(parseRoute(location.hash))
const { App } = await import('./shell/app.tsx')
await letters
root.render(<App api={await connected} />)
