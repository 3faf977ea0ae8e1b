import './theme/layers.css'
import './theme/tokens.css'
import './theme/mantine.css'
import './theme/base.css'
import { createRoot } from 'react-dom/client'
import { connectApi } from './api/connect.ts'
import { storedLanguage } from './strings/language.ts'
import { chooseLanguage } from './strings/strings.ts'
import { currentScheme } from './theme/scheme.ts'

document.documentElement.dataset.mantineColorScheme = currentScheme()
const root = createRoot(document.getElementById('root')!)
const connected = connectApi()
// Words are read when the modules of the window are loaded: the language comes first.
await chooseLanguage(storedLanguage())
const { App } = await import('./shell/app.tsx')
root.render(<App api={await connected} />)
